interface Sdk {
  /**
   * @en Values that outlive the run for a while. Every script has its own keys.
   * @ru Значения, которые на время переживают запуск. У каждого скрипта свои ключи.
   * @uz Ishga tushirishdan keyin ham bir muddat saqlanadigan qiymatlar. Har bir skriptning kalitlari oʻziniki.
   */
  readonly cache: SdkCache;
}

interface CacheStore {
  /**
   * @en The value of a key, or null.
   * @ru Значение ключа или null.
   * @uz Kalitning qiymati yoki null.
   * @example
   * await sdk.cache.set("rate", 12650, 60);
   * return await sdk.cache.get("rate"); // → 12650
   */
  get(key: string): Promise<any>;
  /**
   * @en Keeps a value of up to 256 KB for the given number of seconds, at most and by default 30 days. When the workspace's
   *   share of memory is full, what would end soonest goes first.
   * @ru Сохраняет значение до 256 КБ на указанное число секунд, самое большее и по умолчанию — на 30 дней. Когда доля памяти
   *   рабочего пространства заполнена, первым уходит то, чей срок истекает раньше.
   * @uz 256 KB gacha boʻlgan qiymatni koʻrsatilgan soniyaga, koʻpi bilan va odatda 30 kunga saqlaydi. Ish maydonining xotira
   *   ulushi toʻlsa, muddati eng yaqin tugaydigani birinchi boʻlib chiqadi.
   * @example
   * await sdk.cache.set("greeting", { text: "Salom" }, 3600);
   */
  set(key: string, value: Json, ttl?: number): Promise<void>;
  /**
   * @en Removes a key; true when there was one.
   * @ru Удаляет ключ; true, если он был.
   * @uz Kalitni oʻchiradi; u mavjud boʻlgan boʻlsa true.
   * @example
   * return await sdk.cache.delete("never-set"); // → false
   */
  delete(key: string): Promise<boolean>;
  /**
   * @en Whether the key has a value.
   * @ru Есть ли у ключа значение.
   * @uz Kalitda qiymat bor-yoʻqligi.
   * @example
   * return await sdk.cache.exists("never-set"); // → false
   */
  exists(key: string): Promise<boolean>;
  /**
   * @en Adds to a whole number, from 0 if there was none, and gives the sum. Runs at the same time never lose a count.
   * @ru Прибавляет к целому числу (с нуля, если его не было) и возвращает сумму. Одновременные запуски не теряют счёт.
   * @uz Butun songa qoʻshadi (boʻlmasa noldan) va yigʻindini qaytaradi. Bir vaqtdagi ishga tushirishlar hisobni yoʻqotmaydi.
   * @example
   * await sdk.cache.delete("visits");
   * await sdk.cache.increment("visits");
   * return await sdk.cache.increment("visits", 10); // → 11
   */
  increment(key: string, delta?: number): Promise<number>;
  /**
   * @en Sets how many seconds a key has left; false when there is no such key.
   * @ru Задаёт, сколько секунд осталось ключу; false, если ключа нет.
   * @uz Kalitga necha soniya qolganini belgilaydi; bunday kalit boʻlmasa false.
   * @example
   * return await sdk.cache.expire("never-set", 60); // → false
   */
  expire(key: string, ttl: number): Promise<boolean>;
}

interface SdkCache extends CacheStore {
  /**
   * @en The same, with keys shared by all scripts of the workspace.
   * @ru То же самое, но ключи общие для всех скриптов рабочего пространства.
   * @uz Xuddi shu, lekin kalitlar ish maydonining barcha skriptlari uchun umumiy.
   */
  readonly shared: CacheStore;
}
