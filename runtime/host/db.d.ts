interface Sdk {
  /**
   * @en SQL on the business database. Every statement sees and changes only the rows of your own organisation.
   * @ru SQL-запросы к базе данных предприятия. Любой запрос видит и меняет только строки вашей организации.
   * @uz Korxona maʼlumotlar bazasiga SQL soʻrovlar. Har bir soʻrov faqat oʻz tashkilotingiz satrlarini koʻradi va oʻzgartiradi.
   */
  readonly db: SdkDb;
}

interface SdkDb {
  /**
   * @en Runs a SELECT and gives its rows: at most 1,000, within 5 seconds.
   * @ru Выполняет SELECT и возвращает строки: не больше 1 000, не дольше 5 секунд.
   * @uz SELECT soʻrovini bajaradi va satrlarni qaytaradi: koʻpi bilan 1 000 ta, 5 soniya ichida.
   * @param sql
   *   @en One statement. Tables are limited to your organisation by themselves.
   *   @ru Один запрос. Таблицы ограничиваются вашей организацией автоматически.
   *   @uz Bitta soʻrov. Jadvallar oʻz-oʻzidan tashkilotingiz bilan cheklanadi.
   * @param params
   *   @en Values for `?` or `$1` (array) or for `:name` (object).
   *   @ru Значения для `?` или `$1` (массив) либо для `:name` (объект).
   *   @uz `?` yoki `$1` uchun qiymatlar (massiv) yoki `:name` uchun (obyekt).
   * @example
   * const rows = await sdk.db.query("SELECT name, city FROM clients WHERE city = ? ORDER BY name", ["Samarqand"]);
   * return rows.length;
   */
  query<Row = DbRow>(sql: string, params?: DbParameters): Promise<Row[]>;

  /**
   * @en Like query, and gives the first row, or null when there is none.
   * @ru Как query, но возвращает первую строку или null, если строк нет.
   * @uz query kabi, lekin birinchi satrni yoki satr boʻlmasa null qaytaradi.
   * @example
   * const best = await sdk.db.queryOne("SELECT name, price FROM products ORDER BY price DESC LIMIT 1");
   * return best?.name;
   */
  queryOne<Row = DbRow>(sql: string, params?: DbParameters): Promise<Row | null>;

  /**
   * @en Runs an INSERT, UPDATE or DELETE. With RETURNING the rows come too. Your organisation is filled in by itself.
   * @ru Выполняет INSERT, UPDATE или DELETE. С RETURNING возвращает и строки. Организация подставляется автоматически.
   * @uz INSERT, UPDATE yoki DELETE bajaradi. RETURNING bilan satrlar ham qaytadi. Tashkilot oʻz-oʻzidan qoʻyiladi.
   * @example
   * const { rows } = await sdk.db.execute(
   *   "INSERT INTO clients (name, email, city) VALUES (:name, :email, :city) RETURNING id",
   *   { name: "Nodira Saidova", email: "nodira@choyxona.example", city: "Toshkent" },
   * );
   * return rows?.[0].id;
   */
  execute<Row = DbRow>(sql: string, params?: DbParameters): Promise<DbOutcome<Row>>;

  /**
   * @en Runs the work in a transaction: everything is kept when it returns, nothing when it throws. A statement that fails
   *   undoes only itself. One transaction at a time; it may last 30 seconds.
   * @ru Выполняет работу в транзакции: при возврате сохраняется всё, при исключении — ничего. Неудачный запрос отменяет
   *   только себя. Одновременно возможна одна транзакция, не дольше 30 секунд.
   * @uz Ishni tranzaksiyada bajaradi: funksiya qaytsa hammasi saqlanadi, xato tashlasa hech narsa saqlanmaydi. Muvaffaqiyatsiz
   *   soʻrov faqat oʻzini bekor qiladi. Bir vaqtda bitta tranzaksiya, koʻpi bilan 30 soniya.
   * @example
   * return await sdk.db.transaction(async tx => {
   *   const order = await tx.queryOne("SELECT id, total FROM orders WHERE status = ? LIMIT 1", ["new"]);
   *   await tx.execute("UPDATE orders SET status = 'paid' WHERE id = ?", [order.id]);
   *   await tx.execute("INSERT INTO payments (order_id, amount, method) VALUES (?, ?, 'card')", [order.id, order.total]);
   *   return order.id;
   * });
   */
  transaction<T>(work: (tx: DbSession) => Promise<T> | T): Promise<T>;
}

type DbSession = Pick<SdkDb, "query" | "queryOne" | "execute">;

interface DbOutcome<Row = DbRow> {
  /**
   * @en How many rows the statement added, changed or removed.
   * @ru Сколько строк добавлено, изменено или удалено.
   * @uz Nechta satr qoʻshildi, oʻzgartirildi yoki oʻchirildi.
   */
  readonly rowsAffected: number;
  /**
   * @en The rows of RETURNING; without it, nothing.
   * @ru Строки RETURNING; без него отсутствует.
   * @uz RETURNING satrlari; usiz boʻlmaydi.
   */
  readonly rows?: Row[];
}

/**
 * @en A row by column name. A number no JavaScript number holds exactly comes as text, bytes as `{ $bytes: "base64" }`,
 *   dates and times as ISO 8601 text.
 * @ru Строка по именам столбцов. Число, которое не представимо в JavaScript точно, приходит текстом, байты — как
 *   `{ $bytes: "base64" }`, дата и время — текстом ISO 8601.
 * @uz Ustun nomlari boʻyicha satr. JavaScript aniq ifodalay olmaydigan son matn boʻlib, baytlar `{ $bytes: "base64" }`, sana
 *   va vaqt ISO 8601 matni boʻlib keladi.
 */
interface DbRow {
  [column: string]: any;
}

/**
 * @en Values for a statement. Bytes are `{ $bytes: "base64" }`.
 * @ru Значения для запроса. Байты — `{ $bytes: "base64" }`.
 * @uz Soʻrov uchun qiymatlar. Baytlar — `{ $bytes: "base64" }`.
 */
type DbParameters = Json[] | { [name: string]: Json };
