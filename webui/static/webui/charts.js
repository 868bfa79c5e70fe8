// Charts: uPlot draws what figure elements carry. The table beside each says the same without a script.
"use strict";

// Of each kind of line: the stylesheet's name of its colour, and its dashes.
const LOOKS = {
  candidate: ["--accent"],
  whole: ["--ink"],
  live: ["--part1", [6, 3]],
  run0: ["--part0"],
  run1: ["--part1", [6, 3]],
  run2: ["--part2", [2, 3]],
  run3: ["--part3", [9, 3, 2, 3]],
  run4: ["--part4", [12, 4]],
};
const FONT = "system-ui, 'Segoe UI', 'Liberation Sans', sans-serif";
const ROW = 34;
const drawn = new Map();

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function look(kind) {
  const [name, dash] = LOOKS[kind];
  return { stroke: colour(name), dash };
}

function axis(more) {
  const grid = { stroke: colour("--line"), width: 1 };
  return { stroke: colour("--quiet"), font: `11px ${FONT}`, grid, ticks: { show: false }, ...more };
}

const QUIET = { cursor: { show: false }, legend: { show: false } };
const percents = (_plot, marks) => marks.map((mark) => `${+(100 * mark).toFixed(1)} %`);

// A row for each bar: its label, its interval, its value, and as a ring what it is compared with.
function intervals({ bars, lines, range }) {
  const options = {
    ...QUIET,
    height: bars.length * ROW + 56,
    padding: [18, 24, 0, 24],
    scales: { x: { time: false, range }, y: { range: [0, bars.length], dir: -1 } },
    axes: [axis({ size: 30, values: percents, space: 60 }), { show: false }],
    series: [{}, {}],
    hooks: {
      draw: [
        (plot) => {
          lines.forEach(([at, name], place) => drawLimit(plot, at, name, place));
          bars.forEach((bar, row) => drawBar(plot, bar, row));
        },
      ],
    },
  };
  return [options, [range, [null, null]]];
}

function onCanvas(plot, draw) {
  plot.ctx.save();
  // From here on in the pixels of the stylesheet, as everything else.
  plot.ctx.scale(uPlot.pxRatio, uPlot.pxRatio);
  plot.ctx.textAlign = "start";
  plot.ctx.textBaseline = "alphabetic";
  draw(plot.ctx, (at, scale) => plot.valToPos(at, scale, true) / uPlot.pxRatio);
  plot.ctx.restore();
}

function drawLimit(plot, at, name, place) {
  onCanvas(plot, (ctx, pixel) => {
    const x = pixel(at, "x");
    ctx.strokeStyle = ctx.fillStyle = colour("--bad");
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    ctx.moveTo(x, 14);
    ctx.lineTo(x, pixel(plot.scales.y.max, "y"));
    ctx.stroke();
    ctx.font = `11px ${FONT}`;
    // Two names beside each other, and none over the edge.
    const isRight = x + ctx.measureText(name).width > plot.width;
    ctx.textAlign = place % 2 || isRight ? "end" : "start";
    ctx.fillText(name, Math.max(x, ctx.textAlign === "end" ? ctx.measureText(name).width : 0), 10);
  });
}

function drawBar(plot, bar, row) {
  onCanvas(plot, (ctx, pixel) => {
    const y = pixel(row + 0.7, "y");
    const held = (share) => pixel(Math.min(plot.scales.x.max, Math.max(plot.scales.x.min, share)), "x");
    ctx.font = `11px ${FONT}`;
    ctx.fillStyle = colour("--ink");
    ctx.fillText(shortened(ctx, bar.label, plot.width - 48), 24, y - 10);
    ctx.strokeStyle = ctx.fillStyle = look(bar.kind).stroke;
    ctx.lineWidth = 3;
    ctx.lineCap = "round";
    ctx.beginPath();
    ctx.moveTo(held(bar.low), y);
    ctx.lineTo(held(bar.high), y);
    ctx.stroke();
    if (bar.beside !== null) dot(ctx, held(bar.beside), y, colour("--card"), look("live").stroke);
    dot(ctx, held(bar.value), y, look(bar.kind).stroke, colour("--card"));
  });
}

function dot(ctx, x, y, inside, around) {
  ctx.fillStyle = inside;
  ctx.strokeStyle = around;
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.arc(x, y, 5, 0, 2 * Math.PI);
  ctx.fill();
  ctx.stroke();
}

function shortened(ctx, text, width) {
  if (ctx.measureText(text).width <= width) return text;
  let end = text.length;
  while (end && ctx.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

// Steps from 0 to 100 %, all from the first value to the last; by their logarithms where these are far apart.
function curves({ curves: all }) {
  const values = all.flatMap((curve) => curve.points.map(([value]) => value));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isWide = low > 0 && high / low >= 10;
  const range = high > low ? [low, high] : [Math.max(0, low - 1), high + 1];
  const tables = all.map(({ points }) => [
    [range[0], ...points.map(([value]) => value), range[1]],
    [0, ...points.map(([, share]) => share), 1],
  ]);
  const options = {
    height: 260,
    padding: [12, 24, 0, 0],
    cursor: { y: false, drag: { x: false, y: false } },
    legend: { markers: { width: 2, dash: (_plot, nth) => (LOOKS[all[nth - 1].kind][1] ? "dashed" : "solid") } },
    scales: { x: { time: false, range, distr: isWide ? 3 : 1 }, y: { range: [0, 1] } },
    axes: [
      axis(isWide ? { size: 30, splits: roundNumbers, filter: asTheyAre } : { size: 30 }),
      axis({ size: 48, values: percents }),
    ],
    series: [
      { label: "after", value: (_plot, value) => (value === null ? "" : `${+value.toFixed(1)} ms`) },
      ...all.map((curve) => ({
        ...look(curve.kind),
        label: curve.label,
        width: 2,
        points: { show: false },
        paths: uPlot.paths.stepped({ align: 1 }),
        value: (_plot, share) => (share === null ? "" : `${+(100 * share).toFixed(1)} %`),
      })),
    ],
  };
  return [options, joined(tables)];
}

const asTheyAre = (_plot, marks) => marks;

// 1, 2, 5, 10, … where these are marks enough; powers of ten alone where they are too many.
function roundNumbers(_plot, _axis, low, high) {
  const marks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    const numbers = high / low > 1000 ? [power] : [power, 2 * power, 5 * power];
    marks.push(...numbers.filter((number) => number >= low && number <= high));
  }
  return marks;
}

// One row of values for all curves, each with its share at every value: so the pointer reads all at once.
function joined(tables) {
  const data = uPlot.join(tables);
  for (const shares of data.slice(1)) {
    shares.forEach((share, at) => {
      if (share === null || share === undefined) shares[at] = at ? shares[at - 1] : 0;
    });
  }
  return data;
}

// A small curve without scales, from 0 to the highest.
function spark({ points }) {
  const values = points.map(([, value]) => value);
  const last = values.findLastIndex((value) => value !== null);
  const isAlone = (at) => values[at] !== null && (values[at - 1] ?? values[at + 1] ?? null) === null;
  const line = colour("--accent");
  const options = {
    ...QUIET,
    height: 48,
    padding: [5, 5, 5, 5],
    scales: { y: { range: [0, Math.max(...values) || 1] } },
    axes: [{ show: false }, { show: false }],
    series: [
      {},
      {
        stroke: line,
        width: 2,
        points: {
          show: true,
          size: 6,
          fill: line,
          filter: () => values.flatMap((_value, at) => (at === last || isAlone(at) ? [at] : [])),
        },
      },
    ],
  };
  return [options, [points.map(([at]) => at), values]];
}

const KINDS = { intervals, curves, spark };

function draw(figure) {
  drawn.get(figure)?.destroy();
  // Without a script there is neither an empty box nor its caption.
  figure.parentElement.hidden = false;
  const [options, data] = KINDS[figure.dataset.chart](JSON.parse(figure.dataset.values));
  drawn.set(figure, new uPlot({ ...options, width: figure.clientWidth }, data, figure));
}

const figures = document.querySelectorAll("figure[data-chart]");
const resized = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    const plot = drawn.get(target);
    if (target.clientWidth && target.clientWidth !== plot.width) {
      plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  }
});
for (const figure of figures) {
  draw(figure);
  resized.observe(figure);
}
// A canvas keeps the colours it was drawn in, and paper is light.
for (const query of ["(prefers-color-scheme: dark)", "print"]) {
  matchMedia(query).addEventListener("change", () => figures.forEach(draw));
}
