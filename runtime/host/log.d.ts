interface Sdk {
  /**
   * @en Structured log lines, shown live on the run's page. Secrets in them are masked.
   * @ru Структурированные строки журнала, видны на странице запуска сразу. Секреты в них скрыты.
   * @uz Tuzilmali jurnal satrlari, ishga tushirish sahifasida jonli koʻrinadi. Ulardagi sirlar yashiriladi.
   */
  readonly log: SdkLog;
}

interface SdkLog {
  /**
   * @en Details for the developer.
   * @ru Подробности для разработчика.
   * @uz Dasturchi uchun tafsilotlar.
   * @example
   * sdk.log.debug("Rates loaded", { count: 3 });
   */
  debug(message: string, data?: Json): void;
  /**
   * @en What happened, in the normal course of things.
   * @ru Что произошло в обычном порядке.
   * @uz Odatdagi tartibda nima sodir boʻlgani.
   * @example
   * sdk.log.info("Order paid", { order: 7 });
   */
  info(message: string, data?: Json): void;
  /**
   * @en Something unusual that the script could handle.
   * @ru Что-то необычное, с чем скрипт справился.
   * @uz Skript uddalagan gʻayrioddiy holat.
   * @example
   * sdk.log.warn("The price is missing, the old one is used");
   */
  warn(message: string, data?: Json): void;
  /**
   * @en Something went wrong. The run itself does not fail by this.
   * @ru Что-то пошло не так. Сам запуск от этого не завершится ошибкой.
   * @uz Nimadir notoʻgʻri ketdi. Ishga tushirishning oʻzi bundan xato bilan tugamaydi.
   * @example
   * sdk.log.error("The bank refused", { code: 51 });
   */
  error(message: string, data?: Json): void;
}
