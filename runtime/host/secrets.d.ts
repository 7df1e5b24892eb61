interface Sdk {
  /**
   * @en Keys and passwords kept by the administrator, so that they never stand in the code.
   * @ru Ключи и пароли, которые хранит администратор, чтобы их не было в коде.
   * @uz Administrator saqlaydigan kalit va parollar; shunda ular kodda turmaydi.
   */
  readonly secrets: SdkSecrets;
}

interface SdkSecrets {
  /**
   * @en The value of a secret. It is masked wherever this run would show or keep it: sdk.http and sdk.db get it whole. Fails
   *   with SECRET_NOT_FOUND.
   * @ru Значение секрета. Везде, где этот запуск мог бы его показать или сохранить, оно скрыто; sdk.http и sdk.db получают его
   *   целиком. Если его нет — SECRET_NOT_FOUND.
   * @uz Sir qiymati. Bu ishga tushirish uni koʻrsatishi yoki saqlashi mumkin boʻlgan joyda yashiriladi; sdk.http va sdk.db uni
   *   toʻliq oladi. Topilmasa — SECRET_NOT_FOUND.
   * @example
   * const key = await sdk.secrets.get("bank_api_key");
   * return key.length > 0; // → true
   */
  get(name: string): Promise<string>;
}
