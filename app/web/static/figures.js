// Draws the plots of the page of figures with uPlot. What a plot shows is in its attribute; the table behind it says the same.

const dashes = [[], [9, 4], [2, 3], [12, 3, 2, 3], [5, 2], [1, 5]];
const shapes = ["●", "■", "▲", "◆", "▼", "○"];
const drawn = new Map();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const plot = drawn.get(target);
    if (plot && contentRect.width) plot.setSize({ width: contentRect.width, height: heightOf(target) });
  }
});
const heightOf = (place) => Math.max(150, (place.dataset.height ?? 200) * 1);

function colour(name) {
  // A token may be a function of the theme, which a canvas does not understand: the browser works it out on an element.
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

// Days as the tables have them. Of each distance between marks on the axis (in seconds): how they are written, and what is added below where a new year, month and day begins.
const day = "{YYYY}-{MM}-{DD}", below = `\n${day}`;
const marksOfTime = [
  [365 * 86400, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * 86400, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, day, null, null, null, null, null, null, 1],
  [1, "{HH}:{mm}", below, null, below, null, null, null, 1],
];
// Where figures are of days or more, no hour is marked: days, and what is a month, some, and a year to uPlot.
const marksOfDays = [1, 2, 3, 4, 5, 7, 10, 15, 30, 60, 90, 120, 180, 365, 730, 1825, 3650].map((days) => days * 86400);

// At its end, each line has its sign: what is read without colours.
function marks(lines, colours) {
  return (u) => {
    u.ctx.save();
    u.ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    u.ctx.textAlign = "center";
    u.ctx.textBaseline = "middle";
    lines.forEach((line, index) => {
      if (!u.series[index + 1].show) return;
      const last = line.values.findLastIndex((value) => value != null);
      if (last < 0) return;
      const x = u.valToPos(u.data[0][last], "x", true), y = u.valToPos(line.values[last], "y", true);
      u.ctx.fillStyle = colours[index];
      u.ctx.fillText(shapes[index % shapes.length], x, y);
    });
    u.ctx.restore();
  };
}

function draw(place) {
  const { x, is_time: isTime, is_of_hours: isOfHours, unit, lines } = JSON.parse(place.dataset.plot);
  const colours = lines.map((_, index) => colour(`--plot-${index % 6}`));
  const ink = colour("--quiet"), grid = { stroke: colour("--line"), width: 1 };
  const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  drawn.get(place)?.destroy();
  place.replaceChildren();
  const plot = new uPlot(
    {
      width: place.clientWidth || 300,
      height: heightOf(place),
      // A single place has something beside it.
      scales: { x: { time: isTime, ...(x.length === 1 ? { range: (_, only) => [only - 86400, only + 86400] } : {}) }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
      // Days are those of UTC.
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true, markers: { width: 3, dash: (_, index) => (index > 1 ? "dashed" : "solid") } },
      // The last day is written round its mark, too.
      padding: [null, isTime ? 36 : null, null, null],
      axes: [{ ...axis, ...(isTime ? { values: marksOfTime, space: 76, ...(isOfHours ? {} : { incrs: marksOfDays }) } : { incrs: [1, 2, 4, 13, 26, 52] }) }, { ...axis, size: 56, values: (_, values) => values.map((value) => short.format(value)) }],
      series: [
        { label: isTime ? "When" : "Weeks later", ...(isTime ? { value: isOfHours ? `${day} {HH}:{mm} UTC` : day } : {}) },
        ...lines.map((line, index) => ({
          label: `${shapes[index % shapes.length]} ${line.label}`,
          stroke: colours[index],
          width: 2,
          dash: dashes[index % dashes.length],
          points: { show: x.length <= 31, size: 5, fill: colours[index] },
          value: (_, value) => (value == null ? "–" : `${exact.format(value)} ${unit}`),
        })),
      ],
      hooks: { draw: [marks(lines, colours)] },
    },
    [x, ...lines.map((line) => line.values)],
    place,
  );
  // The policy takes no role from inside a picture: what it shows, the table says.
  plot.root.setAttribute("aria-hidden", "true");
  drawn.set(place, plot);
  sizes.observe(place);
}

function drawAll(root = document) {
  for (const place of drawn.keys()) if (!place.isConnected) drawn.get(place).destroy(), drawn.delete(place), sizes.unobserve(place);
  root.querySelectorAll(".plot[data-plot]").forEach((place) => drawn.has(place) || draw(place));
}
drawAll();
addEventListener("htmx:afterSwap", () => drawAll());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => [...drawn.keys()].forEach(draw));
