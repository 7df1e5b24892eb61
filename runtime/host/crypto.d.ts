interface Sdk {
  /**
   * @en Hashes, signatures and random values. These calls answer at once, without await.
   * @ru Хеши, подписи и случайные значения. Эти вызовы отвечают сразу, без await.
   * @uz Xeshlar, imzolar va tasodifiy qiymatlar. Bu chaqiruvlar darhol, await siz javob beradi.
   */
  readonly crypto: SdkCrypto;
}

interface SdkCrypto {
  /**
   * @en The hash of a text (taken as UTF-8) or of bytes, in hex unless another encoding is asked for.
   * @ru Хеш текста (в UTF-8) или байтов в шестнадцатеричном виде, если не попросить другую кодировку.
   * @uz Matn (UTF-8) yoki baytlarning xeshi; boshqa kodlash soʻralmasa, oʻn oltilik koʻrinishda.
   * @example
   * return sdk.crypto.hash("sha256", "salom").slice(0, 8); // → "038f270c"
   */
  hash(algorithm: HashAlgorithm, data: string | Uint8Array, encoding?: DigestEncoding): string;

  /**
   * @en A keyed signature, for example to check a webhook or to sign a request.
   * @ru Подпись с ключом, например для проверки вебхука или подписи запроса.
   * @uz Kalitli imzo, masalan, vebxukni tekshirish yoki soʻrovni imzolash uchun.
   * @example
   * return sdk.crypto.hmac("sha256", "key", "message").length; // → 64
   */
  hmac(algorithm: HashAlgorithm, key: string | Uint8Array, data: string | Uint8Array, encoding?: DigestEncoding): string;

  /**
   * @en Compares two texts in a time that does not tell where they differ. Use it for signatures and tokens.
   * @ru Сравнивает два текста за время, по которому не узнать, где они различаются. Для подписей и токенов.
   * @uz Ikki matnni, qayerda farq qilishini vaqtdan bilib boʻlmaydigan tarzda solishtiradi. Imzo va tokenlar uchun.
   * @example
   * const expected = sdk.crypto.hmac("sha256", "key", "body");
   * return sdk.crypto.timingSafeEqual(expected, "forged"); // → false
   */
  timingSafeEqual(a: string | Uint8Array, b: string | Uint8Array): boolean;

  /**
   * @en A random identifier (UUID version 4).
   * @ru Случайный идентификатор (UUID версии 4).
   * @uz Tasodifiy identifikator (UUID, 4-versiya).
   * @example
   * return sdk.crypto.randomUUID().length; // → 36
   */
  randomUUID(): string;

  /**
   * @en Up to 8,192 random bytes, good enough for keys.
   * @ru До 8192 случайных байтов, пригодных для ключей.
   * @uz Kalitlar uchun yaroqli 8192 tagacha tasodifiy bayt.
   * @example
   * return sdk.crypto.randomBytes(16).length; // → 16
   */
  randomBytes(size: number): Uint8Array;
}

/**
 * @en Use sha256 or stronger; sha1 and md5 are for old services only.
 * @ru Берите sha256 или сильнее; sha1 и md5 — только для старых сервисов.
 * @uz sha256 yoki kuchliroqdan foydalaning; sha1 va md5 faqat eski xizmatlar uchun.
 */
type HashAlgorithm = "sha256" | "sha384" | "sha512" | "sha1" | "md5";

type DigestEncoding = "hex" | "base64" | "base64url";
