"""What the page of a probe does: a chosen head's maps are drawn, each weight tells what it is."""

SCRIPT = r"""
const data = JSON.parse(document.getElementById('data').textContent);
const area = document.getElementById('maps');
const svg = (name, values, text) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key in values) made.setAttribute(key, values[key]);
  if (text !== undefined) made.textContent = text;
  return made;
};
const html = (name, text, cls) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (cls) made.className = cls;
  return made;
};
const shown = (piece) => piece.replaceAll('\u2581', '\u00b7');
// One map: rows attend, columns are attended to; cells below 1/100 are left out.
function draw(rows, columns, packed, scale, caption) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const size = 14, left = 110, top = 90;
  const width = left + size * columns.length + 60, height = top + size * rows.length + 8;
  const picture = svg('svg', { class: 'weights', width, height, role: 'img' });
  picture.append(svg('title', {}, caption));
  picture.append(svg('rect', { class: 'frame', x: left, y: top,
    width: size * columns.length, height: size * rows.length }));
  columns.forEach((piece, c) => {
    const x = left + size * c + 10, y = top - 5;
    picture.append(svg('text', { x, y, transform: `rotate(-55 ${x} ${y})` }, shown(piece)));
  });
  rows.forEach((piece, r) => {
    picture.append(svg('text', { x: left - 5, y: top + size * r + 11, 'text-anchor': 'end' },
      shown(piece)));
    if (piece === '[LSEP]' || piece === 'LSEP') {
      const y = top + size * r;
      picture.append(svg('line', { class: 'rule', x1: left, x2: left + size * columns.length,
        y1: y, y2: y }));
    }
    columns.forEach((_, c) => {
      const weight = bytes[r * columns.length + c] / 255;
      if (weight < 0.01) return;
      picture.append(svg('rect', { class: 'cell', x: left + size * c, y: top + size * r,
        width: size, height: size, 'fill-opacity': weight.toFixed(3), 'data-r': r, 'data-c': c,
        'data-w': (weight * scale).toFixed(3) }));
    });
  });
  const figure = html('figure');
  const told = html('p', '', 'told');
  picture.addEventListener('mouseover', (event) => {
    const cell = event.target.dataset;
    if (cell.w === undefined) return;
    told.textContent = `${shown(rows[cell.r])} \u2192 ${shown(columns[cell.c])}: ${cell.w}`;
  });
  const box = html('div', undefined, 'map');
  box.append(picture);
  figure.append(html('figcaption', caption), told, box);
  return figure;
}
function choose(name) {
  for (const one of document.querySelectorAll('.head')) {
    one.setAttribute('aria-pressed', String(one.dataset.head === name));
  }
  const head = data.heads[name], mean = data.means[head.place];
  area.replaceChildren(html('h2', `${name}: ${head.labels.join(', ') || 'no label'}`));
  const values = html('div', undefined, 'values');
  for (const key of Object.keys(head.values).sort()) {
    values.append(html('div', `${key} ${head.values[key]}`));
  }
  area.append(values, draw(mean.rows, mean.columns, mean.maps[head.slot],
    mean.largest[head.slot], 'Mean over all documents (parts brought to equal length)'));
  for (const document of data.documents) {
    const own = document.of[head.place];
    const columns = own.columns === 'rows' ? own.rows : document.source;
    area.append(draw(own.rows, columns, own.maps[head.slot], 1,
      `${document.id}: rows are what was read, columns what they attend to`));
  }
}
for (const button of document.querySelectorAll('.head')) {
  button.addEventListener('click', () => {
    choose(button.dataset.head);
    area.scrollIntoView({ block: 'start' });
  });
}
const first = document.querySelector('.is-translation') || document.querySelector('.head');
if (first) choose(first.dataset.head);
""".strip()
