/** @en Log lines, as in browsers. @ru Строки журнала, как в браузере. @uz Brauzerlardagidek jurnal satrlari. */
declare const console: Console;

interface Console {
  /**
   * @en Writes its arguments to the log of the run.
   * @ru Пишет аргументы в журнал запуска.
   * @uz Argumentlarni ishga tushirish jurnaliga yozadi.
   * @example
   * console.log("Hello", { from: "Tashkent" });
   */
  log(...data: any[]): void;
  /** @en The same as log. @ru То же, что log. @uz log bilan bir xil. */
  info(...data: any[]): void;
  /** @en A line of level "warn". @ru Строка уровня «warn». @uz «warn» darajasidagi satr. */
  warn(...data: any[]): void;
  /** @en A line of level "error". @ru Строка уровня «error». @uz «error» darajasidagi satr. */
  error(...data: any[]): void;
  /** @en A line of level "debug". @ru Строка уровня «debug». @uz «debug» darajasidagi satr. */
  debug(...data: any[]): void;
  /** @en The same as debug. @ru То же, что debug. @uz debug bilan bir xil. */
  trace(...data: any[]): void;
}

/**
 * @en Calls the function later. The waiting counts as run time.
 * @ru Вызывает функцию позже. Ожидание входит во время запуска.
 * @uz Funksiyani keyinroq chaqiradi. Kutish ishga tushirish vaqtiga kiradi.
 */
declare function setTimeout(fn: (...args: any[]) => void, ms?: number, ...args: any[]): number;
/** @en Takes a planned call back. @ru Отменяет отложенный вызов. @uz Rejalashtirilgan chaqiruvni bekor qiladi. */
declare function clearTimeout(timer: number | undefined): void;
/**
 * @en Calls the function again and again.
 * @ru Вызывает функцию снова и снова.
 * @uz Funksiyani qayta-qayta chaqiradi.
 */
declare function setInterval(fn: (...args: any[]) => void, ms?: number, ...args: any[]): number;
/** @en Ends the repeated calls. @ru Прекращает повторные вызовы. @uz Takroriy chaqiruvlarni toʻxtatadi. */
declare function clearInterval(timer: number | undefined): void;
