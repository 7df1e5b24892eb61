/**
 * @en Who runs what, and why. It cannot be changed.
 * @ru Кто, что и почему запускает. Изменить нельзя.
 * @uz Kim, nimani va nega ishga tushirmoqda. Oʻzgartirib boʻlmaydi.
 */
declare const context: Context;
/** @en The same as context. @ru То же, что context. @uz context bilan bir xil. */
declare const ctx: Context;

interface Context {
  readonly tenant: { readonly id: string; readonly name: string };
  /**
   * @en Who started the run; null when nobody did.
   * @ru Кто запустил; null, если никто.
   * @uz Kim ishga tushirgan; hech kim boʻlmasa null.
   */
  readonly user: ContextUser | null;
  readonly script: { readonly id: string; readonly name: string; readonly version: number };
  readonly execution: ContextExecution;
  /** @en What started the run. @ru Что вызвало запуск. @uz Ishga tushirish sababi. */
  readonly trigger: "manual" | "api" | "test" | "cron" | "http" | "event" | "embedded" | "replay";
  /**
   * @en The event, in a run started by one.
   * @ru Событие, если запуск вызвало оно.
   * @uz Hodisa, agar u ishga tushirgan boʻlsa.
   */
  readonly event: ContextEvent | null;
  /**
   * @en The HTTP request, in a run started by one.
   * @ru HTTP-запрос, если запуск вызвал он.
   * @uz HTTP soʻrovi, agar u ishga tushirgan boʻlsa.
   */
  readonly request: ContextRequest | null;
  /** @en What the caller passed in. @ru То, что передал вызывающий. @uz Chaqiruvchi bergan maʼlumot. */
  readonly input: any;
  readonly requestId: string;
  /**
   * @en When the time limit ends, in milliseconds since 1970.
   * @ru Когда истекает лимит времени, в миллисекундах с 1970 года.
   * @uz Vaqt chegarasi tugaydigan payt, 1970-yildan beri millisekundlarda.
   */
  readonly deadlineMs: number;
}

interface ContextUser {
  readonly id: string;
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly permissions: readonly string[];
}

interface ContextExecution {
  readonly id: string;
  readonly type: "one_off" | "cron" | "http" | "event" | "embedded";
  readonly triggeredBy: "user" | "system" | "api";
  /** @en 1 for the first try. @ru 1 для первой попытки. @uz Birinchi urinish uchun 1. */
  readonly attempt: number;
}

interface ContextEvent {
  readonly id: string;
  readonly type: string;
  readonly data: any;
  readonly timestamp: string;
}

interface ContextRequest {
  readonly method: string;
  readonly path: string;
  /**
   * @en The values of :name parts of the path.
   * @ru Значения частей пути вида :name.
   * @uz Yoʻlning :name koʻrinishidagi qismlari qiymatlari.
   */
  readonly params: { readonly [name: string]: string };
  readonly headers: { readonly [name: string]: string };
  readonly query: { readonly [name: string]: string | readonly string[] };
  /**
   * @en The body, read as JSON or form where it is one.
   * @ru Тело, разобранное как JSON или форма, если это они.
   * @uz JSON yoki forma boʻlsa, shunday oʻqilgan tana.
   */
  readonly body: any;
  /**
   * @en The body exactly as it arrived, to check a signature.
   * @ru Тело точно в том виде, как пришло, — для проверки подписи.
   * @uz Imzoni tekshirish uchun, aynan kelgan koʻrinishdagi tana.
   */
  readonly rawBody: string;
  /**
   * @en "base64" where the body is no text, and rawBody holds its bytes like that.
   * @ru "base64", если тело не текст: тогда rawBody содержит его байты в этом виде.
   * @uz Tana matn boʻlmasa "base64": unda rawBody baytlarni shu koʻrinishda saqlaydi.
   */
  readonly rawBodyEncoding: "utf-8" | "base64";
}
