interface Sdk {
  /**
   * @en Other scripts of this workspace.
   * @ru Другие скрипты рабочего пространства.
   * @uz Ish maydonining boshqa skriptlari.
   */
  readonly scripts: SdkScripts;
}

interface SdkScripts {
  /**
   * @en Runs another script with the permissions of this run and gives what it returned. It is a run of its own, linked
   * to this one, within its time. Secrets in the input are masked: the other script reads its own.
   * @ru Запускает другой скрипт с правами этого запуска и возвращает его результат. Это отдельный запуск, связанный с этим
   * и не длиннее его. Секреты во входных данных скрыты: другой скрипт читает свои сам.
   * @uz Boshqa skriptni shu ishga tushirish huquqlari bilan bajaradi va natijasini qaytaradi. Bu alohida, lekin shunga
   * bogʻlangan va undan uzoq davom etmaydigan ishga tushirishdir. Kirish maʼlumotidagi sirlar yashiriladi: boshqa skript
   * oʻzinikini oʻzi oʻqiydi.
   * @example
   * return await sdk.scripts.run("Price with tax", { price: 100 }); // → 112
   */
  run(name: string, input?: Json): Promise<any>;
}
