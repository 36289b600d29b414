"""The script of a page: tables sort and filter, a small drawing grows where it is touched.

It reads and moves what is in the page and knows no network; the policy of the page names its hash,
so that no other script runs. Without it all is there, unsorted.
"""

SCRIPT = r"""
(() => {
'use strict';
const FEW = 20;
const value = (row, i) => {
  const cell = row.cells[i], said = cell.dataset.v;
  return said === undefined ? cell.textContent.trim() : said === '' ? null : Number(said);
};
const compare = (a, b) =>
  typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
for (const box of document.querySelectorAll('.sortable')) {
  const table = box.querySelector('table'), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], rows = [...body.rows];
  const tools = document.createElement('div');
  tools.className = 'tools';
  const input = document.createElement('input');
  input.type = 'search';
  input.placeholder = 'Filter by any word, such as a name or an element';
  input.setAttribute('aria-label', 'Filter the table');
  const choice = document.createElement('select');
  choice.setAttribute('aria-label', 'Sort the table by');
  const told = document.createElement('output');
  const more = document.createElement('button');
  more.type = 'button';
  more.className = 'more';
  let all = rows.length <= FEW;
  tools.append(input, choice, told);
  box.prepend(tools);
  box.append(more);
  let by = -1, down = false;
  const sort = (i, way) => {
    by = i;
    down = way;
    const known = rows.map((row, place) => [value(row, i), place, row]);
    known.sort((a, b) => {
      if (a[0] === null || b[0] === null) return (a[0] === null) - (b[0] === null) || a[1] - b[1];
      return (down ? -1 : 1) * compare(a[0], b[0]) || a[1] - b[1];
    });
    body.append(...known.map(one => one[2]));
    show();
    heads.forEach((head, k) => {
      if (k === i) head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    });
    choice.value = i + (down ? 'd' : 'u');
  };
  heads.forEach((head, i) => {
    if (head.dataset.sort === undefined) return;
    const name = head.textContent.trim();
    for (const [way, mark] of [['u', '↑'], ['d', '↓']]) {
      const option = document.createElement('option');
      option.value = i + way;
      option.textContent = 'Sort by ' + name + ' ' + mark;
      choice.append(option);
    }
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => sort(i, by === i ? !down : head.dataset.sort === 'd'));
  });
  choice.addEventListener('change', () =>
    sort(parseInt(choice.value, 10), choice.value.endsWith('d')));
  const texts = new Map(rows.map(row =>
    [row, (row.dataset.words + ' ' + row.textContent).toLowerCase()]));
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of body.rows) {
      const fits = words.every(word => texts.get(row).includes(word));
      left += fits;
      row.hidden = !fits || (!all && left > FEW);
    }
    told.textContent = left === rows.length ? '' : left + ' of ' + rows.length;
    more.hidden = all || left <= FEW;
    more.textContent = 'Show all ' + left;
  };
  more.addEventListener('click', () => { all = true; show(); });
  show();
  input.addEventListener('input', show);
}
const seen = document.querySelectorAll('svg.mini');
if (seen.length && window.HTMLDialogElement) {
  const dialog = document.createElement('dialog');
  dialog.addEventListener('click', () => dialog.close());
  document.body.append(dialog);
  for (const mini of seen) {
    mini.setAttribute('tabindex', '0');
    mini.setAttribute('role', 'button');
    const open = () => {
      const title = document.createElement('p');
      title.textContent = mini.getAttribute('aria-label');
      const large = mini.cloneNode(true);
      large.removeAttribute('tabindex');
      large.setAttribute('class', 'large');
      dialog.replaceChildren(large, title);
      dialog.showModal();
    };
    mini.addEventListener('click', open);
    mini.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); }
    });
  }
}
document.documentElement.classList.add('ready');
})();
"""
