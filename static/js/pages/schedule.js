// The page of a schedule: usual rhythms at one press. The preview itself is htmx's.
const cron = document.getElementById('cron');
const presets = document.querySelector('[data-presets]');

function mark() {
  for (const button of presets.querySelectorAll('[data-preset]')) {
    button.setAttribute('aria-pressed', String(button.dataset.preset === cron.value.trim()));
  }
}

if (presets) {
  presets.dataset.presets = 'ready';
  presets.addEventListener('click', ({ target }) => {
    const preset = target.closest('[data-preset]')?.dataset.preset;
    if (!preset) return;
    cron.value = preset;
    cron.dispatchEvent(new Event('input', { bubbles: true }));
  });
  // What the server found wrong is out of date with the first key; the preview says what is wrong now.
  cron.addEventListener('input', () => {
    mark();
    cron.removeAttribute('aria-invalid');
    document.querySelector('[data-said-before]')?.remove();
  });
}
