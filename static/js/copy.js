// <button data-copy="text"> or <button data-copy-from="id">.
import { text } from './texts.js';
import { toast } from './toasts.js';

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-copy], [data-copy-from]');
  if (!button) return;
  const source = document.getElementById(button.dataset.copyFrom);
  const copied = button.dataset.copy ?? source?.value ?? source?.innerText ?? '';
  try {
    await navigator.clipboard.writeText(copied);
    toast(text('copied'), 'ok', { id: 'copy' });
  } catch {
    toast(text('copyFailed'), 'error', { id: 'copy' });
  }
});
