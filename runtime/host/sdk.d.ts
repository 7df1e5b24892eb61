/** @en Everything a script can call. @ru Всё, что может вызвать скрипт. @uz Skript chaqira oladigan barcha narsa. */
declare const sdk: Sdk;

interface Sdk {
  /**
   * @en Waits without using the processor. The time counts towards the run's time limit.
   * @ru Ждёт, не занимая процессор. Это время входит в лимит времени запуска.
   * @uz Protsessorni band qilmay kutadi. Bu vaqt ishga tushirishning vaqt chegarasiga kiradi.
   * @param ms
   *   @en How long, in milliseconds.
   *   @ru Сколько ждать, в миллисекундах.
   *   @uz Qancha kutish, millisekundlarda.
   * @example
   * await sdk.sleep(20);
   * return "awake"; // → "awake"
   */
  sleep(ms: number): Promise<void>;

  /**
   * @en Throw it when trying again is pointless: the run fails for good and an event goes straight to the dead letters.
   * @ru Бросьте её, когда повторять бессмысленно: запуск завершится окончательно, а событие сразу попадёт в недоставленные.
   * @uz Qayta urinish befoyda boʻlsa, shuni tashlang: ishga tushirish butunlay toʻxtaydi, hodisa esa darhol
   * yetkazilmaganlar roʻyxatiga oʻtadi.
   * @example
   * try {
   *   throw new sdk.Fatal("This order was deleted");
   * } catch (error) {
   *   return error.message; // → "This order was deleted"
   * }
   */
  readonly Fatal: new (message: string) => Error;

  /**
   * @en Throw it to be run again after the given number of seconds, for example when another system is busy.
   * @ru Бросьте её, чтобы запуск повторился через указанное число секунд, например когда другая система занята.
   * @uz Koʻrsatilgan soniyadan keyin qayta ishga tushirilishi uchun shuni tashlang, masalan, boshqa tizim band boʻlganda.
   * @example
   * try {
   *   throw new sdk.RetryAfter(60, "The bank is closed for a minute");
   * } catch (error) {
   *   return error.message; // → "The bank is closed for a minute"
   * }
   */
  readonly RetryAfter: new (seconds: number, message?: string) => Error;
}

/**
 * @en What every failed sdk call throws: an Error with a stable code such as "HTTP_TIMEOUT" or "RATE_LIMITED".
 * @ru То, что бросает любой неудачный вызов sdk: ошибка с постоянным кодом, например "HTTP_TIMEOUT" или "RATE_LIMITED".
 * @uz Muvaffaqiyatsiz sdk chaqiruvi tashlaydigan xato: oʻzgarmas kodi bor, masalan "HTTP_TIMEOUT" yoki "RATE_LIMITED".
 */
interface SdkError extends Error {
  readonly code: string;
}

/**
 * @en Anything JSON can hold. Dates and other objects must be turned into strings or plain objects first.
 * @ru Всё, что можно записать в JSON. Даты и прочие объекты сначала превратите в строки или простые объекты.
 * @uz JSON sigʻdira oladigan har qanday qiymat. Sana va boshqa obyektlarni avval satr yoki oddiy obyektga aylantiring.
 */
type Json = string | number | boolean | null | Json[] | { [name: string]: Json | undefined };
