interface Sdk {
  /**
   * @en Runs the function at most once per key and script, even across retries, replays and runs at the same time.
   * Later calls get the stored result, for 30 days; it may have 64 KB. When the function throws, or its run dies, the key is
   * free again. A result that cannot be kept is an error now and null later. A key must not hold a secret.
   * @ru Выполняет функцию не более одного раза на ключ и скрипт, даже при повторах и одновременных запусках. Следующие
   * вызовы 30 дней получают сохранённый результат (до 64 КБ). Если функция бросила ошибку или её запуск прервался, ключ снова
   * свободен. Если результат нельзя сохранить, этот вызов завершится ошибкой, а следующие получат null. Секрета в ключе быть
   * не должно.
   * @uz Funksiyani har kalit va skript uchun koʻpi bilan bir marta bajaradi, takroriy va bir vaqtdagi ishga tushirishlarda
   * ham. Keyingi chaqiruvlar 30 kun davomida saqlangan natijani (64 KB gacha) oladi. Funksiya xato tashlasa yoki uning ishga
   * tushirilishi uzilsa, kalit yana boʻshaydi. Natijani saqlab boʻlmasa, bu chaqiruv xato bilan tugaydi, keyingilari null oladi.
   * Kalitda sir boʻlmasligi kerak.
   * @example
   * const first = await sdk.once("invoice-7", () => "sent");
   * const second = await sdk.once("invoice-7", () => "sent again");
   * return second; // → "sent"
   */
  once<T extends Json | void>(key: string, fn: () => T | Promise<T>): Promise<T>;
}
