interface Sdk {
  /**
   * @en Business events. Scripts that subscribe to them are run.
   * @ru Бизнес-события. Подписанные на них скрипты запускаются.
   * @uz Biznes hodisalari. Ularga obuna boʻlgan skriptlar ishga tushadi.
   */
  readonly events: SdkEvents;
}

interface SdkEvents {
  /**
   * @en Publishes an event and gives its id. Subscribers run afterwards, each at least once.
   * @ru Публикует событие и возвращает его id. Подписчики запускаются после, каждый хотя бы один раз.
   * @uz Hodisani eʼlon qiladi va uning id sini qaytaradi. Obunachilar keyin, har biri kamida bir marta ishga tushadi.
   * @param type
   *   @en Lower case, up to three parts: "sales.order.paid".
   *   @ru Строчные буквы, до трёх частей: "sales.order.paid".
   *   @uz Kichik harflar, uchtagacha qism: "sales.order.paid".
   * @example
   * const event = await sdk.events.publish("sales.order.paid", { order: 7 });
   * return typeof event.id; // → "string"
   */
  publish(type: string, data?: Json): Promise<{ readonly id: string }>;
}

/** @en The same as sdk.events. @ru То же, что sdk.events. @uz sdk.events bilan bir xil. */
declare const events: SdkEvents;
