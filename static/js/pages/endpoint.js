// The page of an endpoint: choosing a sender fills in how it signs, and changing that makes it another sender.
const part = document.querySelector('[data-signature]');
const presets = JSON.parse(part.dataset.presets);
const field = (name) => part.querySelector(`[name="${name}"]`);

part.addEventListener('change', ({ target }) => {
  const chosen = field('preset');
  if (target === chosen) {
    for (const [name, value] of Object.entries(presets[chosen.value] ?? {})) {
      if (name !== 'secret') field(`signature_${name}`).value = value;
    }
  } else if (target.name.startsWith('signature_') && !['signature_secret', 'signature_tolerance_s'].includes(target.name)) {
    chosen.value = 'custom';
  }
  field('preset_shown').value = chosen.value;
  if (chosen.value === 'custom') part.querySelector('details').open = true;
});

// What was sent from here is a request like others: the list of them is asked for at once.
document.addEventListener('htmx:after:swap', ({ target }) => {
  if (document.querySelector('[data-answered]') && target.closest?.('#console')) {
    document.body.dispatchEvent(new CustomEvent('endpointTried'));
  }
});
