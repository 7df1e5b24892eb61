interface Sdk {
  /**
   * @en Requests to the outside world. Only public addresses and those the administrator has opened can be reached.
   * @ru Запросы во внешний мир. Доступны только публичные адреса и те, что открыл администратор.
   * @uz Tashqi dunyoga soʻrovlar. Faqat ommaviy manzillar va administrator ochgan manzillarga murojaat qilish mumkin.
   */
  readonly http: SdkHttp;
}

interface SdkHttp {
  /**
   * @en Sends a GET request and gives the answer, whatever its status.
   * @ru Отправляет запрос GET и возвращает ответ с любым статусом.
   * @uz GET soʻrovini yuboradi va holati qanday boʻlishidan qatʼi nazar javobni qaytaradi.
   * @param url
   *   @en An absolute http or https URL.
   *   @ru Абсолютный адрес http или https.
   *   @uz Toʻliq http yoki https manzil.
   * @example
   * const answer = await sdk.http.get("https://api.example.com/rates", { query: { base: "USD" } });
   * return answer.json().UZS; // → 12650
   */
  get(url: string, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends a HEAD request: the status and headers of a GET, without the body.
   * @ru Отправляет запрос HEAD: статус и заголовки, как у GET, но без тела.
   * @uz HEAD soʻrovini yuboradi: GET dagi holat va sarlavhalar, lekin tanasiz.
   * @example
   * const answer = await sdk.http.head("https://api.example.com/rates");
   * return answer.body; // → ""
   */
  head(url: string, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends a DELETE request.
   * @ru Отправляет запрос DELETE.
   * @uz DELETE soʻrovini yuboradi.
   * @example
   * const answer = await sdk.http.delete("https://api.example.com/orders/7");
   * return answer.status; // → 204
   */
  delete(url: string, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends a POST request. Objects go out as JSON, strings as text.
   * @ru Отправляет запрос POST. Объекты уходят как JSON, строки — как текст.
   * @uz POST soʻrovini yuboradi. Obyektlar JSON, satrlar matn sifatida ketadi.
   * @example
   * const answer = await sdk.http.post("https://api.example.com/orders", { sku: "A-1", amount: 2 });
   * return answer.status; // → 201
   */
  post(url: string, body?: Json, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends a PUT request.
   * @ru Отправляет запрос PUT.
   * @uz PUT soʻrovini yuboradi.
   * @example
   * const answer = await sdk.http.put("https://api.example.com/orders/7", { amount: 3 });
   * return answer.status; // → 200
   */
  put(url: string, body?: Json, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends a PATCH request.
   * @ru Отправляет запрос PATCH.
   * @uz PATCH soʻrovini yuboradi.
   * @example
   * const answer = await sdk.http.patch("https://api.example.com/orders/7", { amount: 4 });
   * return answer.status; // → 200
   */
  patch(url: string, body?: Json, options?: HttpOptions): Promise<HttpAnswer>;

  /**
   * @en Sends any request. The other methods are short forms of this one.
   * @ru Отправляет любой запрос. Остальные методы — его короткие формы.
   * @uz Istalgan soʻrovni yuboradi. Boshqa usullar uning qisqa shakllaridir.
   * @example
   * const picture = await sdk.http.request({
   *   method: "GET",
   *   url: "https://api.example.com/logo.png",
   *   responseType: "base64",
   * });
   * return picture.encoding; // → "base64"
   */
  request(options: HttpRequest): Promise<HttpAnswer>;
}

interface HttpOptions {
  /**
   * @en Names and values. Host, Connection, Content-Length and the like are set by Dastgoh.
   * @ru Имена и значения. Host, Connection, Content-Length и подобные ставит сам Dastgoh.
   * @uz Nomlar va qiymatlar. Host, Connection, Content-Length va shu kabilarni Dastgohning oʻzi qoʻyadi.
   */
  headers?: { [name: string]: string | number | boolean | null | undefined };
  /**
   * @en Added to the URL, encoded. A list repeats its name; null is left out.
   * @ru Добавляется к адресу в закодированном виде. Список повторяет имя, null пропускается.
   * @uz Manzilga kodlangan holda qoʻshiladi. Roʻyxat nomni takrorlaydi, null tashlab ketiladi.
   */
  query?: { [name: string]: HttpScalar | HttpScalar[] | undefined };
  /**
   * @en Milliseconds for everything together: redirects, retries and the whole body. At most and by default 10,000.
   * @ru Миллисекунды на всё вместе: перенаправления, повторы и тело ответа целиком. По умолчанию и не больше 10 000.
   * @uz Hammasi uchun millisekundlar: yoʻnaltirishlar, takroriy urinishlar va butun javob. Odatda va koʻpi bilan 10 000.
   */
  timeout?: number;
  /**
   * @en How often to try again, 0 to 2 (default 2). GET, HEAD and OPTIONS are repeated after a lost connection; every
   * method after 429, and after 503 with Retry-After.
   * @ru Сколько раз повторить, от 0 до 2 (по умолчанию 2). GET, HEAD и OPTIONS повторяются при обрыве связи; любой метод —
   * после 429 и после 503 с Retry-After.
   * @uz Necha marta qayta urinish, 0 dan 2 gacha (odatda 2). GET, HEAD va OPTIONS aloqa uzilganda takrorlanadi; istalgan
   * usul esa 429 dan va Retry-After bor 503 dan keyin.
   */
  retries?: number;
  /**
   * @en How many redirects to follow, 0 to 5 (default 5). With 0 the redirect itself is the answer. Secrets in headers
   * are not passed on to another origin.
   * @ru Сколько перенаправлений пройти, от 0 до 5 (по умолчанию 5). При 0 ответом будет само перенаправление. Секреты из
   * заголовков не передаются на другой сайт.
   * @uz Nechta yoʻnaltirishdan oʻtish, 0 dan 5 gacha (odatda 5). 0 boʻlsa, javob yoʻnaltirishning oʻzi boʻladi.
   * Sarlavhalardagi sirlar boshqa saytga uzatilmaydi.
   */
  redirects?: number;
  /**
   * @en Insist on text, or on base64 for binary content. Without it the Content-Type of the answer decides.
   * @ru Потребовать текст или, для двоичных данных, base64. Без этого решает Content-Type ответа.
   * @uz Matn yoki, ikkilik maʼlumot uchun, base64 talab qilish. Koʻrsatilmasa, javobning Content-Type sarlavhasi hal qiladi.
   */
  responseType?: "text" | "base64";
  /**
   * @en Bytes to send, as base64, instead of a body.
   * @ru Байты для отправки в base64 вместо тела.
   * @uz Tana oʻrniga yuboriladigan baytlar, base64 koʻrinishida.
   */
  bodyBase64?: string;
}

interface HttpRequest extends HttpOptions {
  /** @en GET by default. @ru По умолчанию GET. @uz Odatda GET. */
  method?: "GET" | "HEAD" | "OPTIONS" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: string;
  /**
   * @en Objects go out as JSON, strings as text.
   * @ru Объекты уходят как JSON, строки — как текст.
   * @uz Obyektlar JSON, satrlar matn sifatida ketadi.
   */
  body?: Json;
}

interface HttpAnswer {
  readonly status: number;
  /**
   * @en Names are in lower case. Repeated headers are joined with a comma, set-cookie with a line break.
   * @ru Имена в нижнем регистре. Повторные заголовки соединены запятой, set-cookie — переводом строки.
   * @uz Nomlar kichik harflarda. Takrorlangan sarlavhalar vergul bilan, set-cookie esa yangi qator bilan birlashtiriladi.
   */
  readonly headers: { readonly [name: string]: string };
  /**
   * @en Text, or base64 when `encoding` says so.
   * @ru Текст или base64, если так указано в `encoding`.
   * @uz Matn yoki, `encoding` shunday desa, base64.
   */
  readonly body: string;
  readonly encoding: "text" | "base64";
  /**
   * @en Where the answer came from after all redirects.
   * @ru Откуда пришёл ответ после всех перенаправлений.
   * @uz Barcha yoʻnaltirishlardan soʻng javob kelgan manzil.
   */
  readonly url: string;
  /** @en The body read as JSON. @ru Тело ответа, прочитанное как JSON. @uz JSON sifatida oʻqilgan javob tanasi. */
  json(): any;
}

type HttpScalar = string | number | boolean | null;
