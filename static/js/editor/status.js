// The line under an editor: what is wrong, where the cursor is, how to leave by keyboard.
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');

export class Status {
  constructor(root, words) {
    const part = (name) => root.querySelector(`[data-editor-${name}]`);
    Object.assign(this, { words, button: part('problems'), text: part('problems-text'), said: part('said') });
    Object.assign(this, { hint: part('hint'), position: part('position') });
  }

  /** problems: a list, or null when they are not known. `firstLine` names the first one's line, where no underline can. */
  showProblems(problems, firstLine = false) {
    const errors = problems?.filter(({ severity }) => severity === 'error').length ?? 0;
    const warnings = (problems?.length ?? 0) - errors;
    const look = errors ? 'error' : warnings || !problems ? 'warn' : 'ok';
    for (const icon of this.button.querySelectorAll('[data-look]')) icon.hidden = icon.dataset.look !== look;
    this.button.dataset.state = look;
    this.button.hidden = false;
    this.button.disabled = !problems?.length;
    const sentence = this.#sentence(problems, errors, warnings, firstLine);
    this.text.textContent = sentence;
    if (this.said.textContent !== sentence) this.said.textContent = sentence; // read out only when it changes
    return { errors, warnings, checked: problems !== null };
  }

  #sentence(problems, errors, warnings, firstLine) {
    const { words: { problems: words } } = this;
    if (!problems) return words.unchecked;
    if (!problems.length) return words.none;
    if (firstLine) return filled(words.line, problems[0]);
    return [errors && filled(words.errors, { count: errors }), warnings && filled(words.warnings, { count: warnings })]
      .filter(Boolean).join(', ');
  }

  showPlace({ line, column }) {
    this.position.hidden = false;
    this.position.textContent = filled(this.words.position, { line, column });
  }

  showHint(yes) {
    this.hint.hidden = !yes;
  }
}
