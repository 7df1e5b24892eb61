interface Sdk {
  /**
   * @en Runs the function at most once per key and script, even across retries, replays and runs at the same time.
   * Later calls get the stored result. When the function throws, the key is free again.
   * @ru Выполняет функцию не более одного раза на ключ и скрипт, даже при повторах и одновременных запусках. Следующие
   * вызовы получают сохранённый результат. Если функция бросила ошибку, ключ снова свободен.
   * @uz Funksiyani har kalit va skript uchun koʻpi bilan bir marta bajaradi, takroriy va bir vaqtdagi ishga tushirishlarda
   * ham. Keyingi chaqiruvlar saqlangan natijani oladi. Funksiya xato tashlasa, kalit yana boʻshaydi.
   * @example
   * const first = await sdk.once("invoice-7", () => "sent");
   * const second = await sdk.once("invoice-7", () => "sent again");
   * return second; // → "sent"
   */
  once<T extends Json | void>(key: string, fn: () => T | Promise<T>): Promise<T>;
}
