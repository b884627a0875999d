// Charts as SVG of our own. They take colours from the style sheet, so they follow light, dark and print, which the canvas
// of a chart library does not. A bar for each of at most 60 scans needs no library.

/** Return a bar for a share of a whole. Its number is next to it as text. */
function bar(share, className = "") {
  const width = share ? Math.max(1, 100 * share) : 0;
  return drawing(
    "svg",
    { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawing("rect", { class: "bar-back", width: 100, height: 8 }),
    drawing("rect", { class: `bar-fill ${className}`, width, height: 8 }),
  );
}

/** Return the grades of hosts as one bar. `counts`: letter to hosts. */
function gradeStack(counts, className = "stack") {
  const total = sum([...counts.values()]);
  let left = 0;
  const parts = [...counts].map(([letter, number]) => {
    const part = drawing("rect", { class: gradeFill(letter), x: left, width: (100 * number) / total, height: 8 });
    left += (100 * number) / total;
    return part;
  });
  const words = [...counts].map(([letter, number]) => `${number} ${letter === NOT_GRADED ? "not graded" : letter}`).join(", ");
  return drawing("svg", { class: className, viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": words }, parts);
}

function gradeFill(letter) {
  return `fill-${letter.replace("+", "-plus")}`;
}

/** Return letter to hosts, best first, hosts without a grade last. Letters without a host are left out. */
function gradeCounts(model, hosts) {
  const counts = new Map([...LETTERS, NOT_GRADED].map((letter) => [letter, 0]));
  for (const host of hosts) {
    const letter = model.letter(host) ?? NOT_GRADED;
    counts.set(letter, counts.get(letter) + 1);
  }
  return new Map([...counts].filter(([, number]) => number));
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Return the grades of several scans, a column for each. `points`: {started_at, grades: letter to hosts}. */
function trendChart(points) {
  const tallest = Math.max(1, ...points.map((point) => sum(Object.values(point.grades))));
  const step = 600 / Math.max(points.length, 8);
  const columns = points.map((point, at) => {
    let top = 180;
    const parts = LETTERS.filter((letter) => point.grades[letter]).map((letter) => {
      const height = (170 * point.grades[letter]) / tallest;
      top -= height;
      return drawing("rect", { class: gradeFill(letter), x: at * step + step * 0.15, y: top, width: step * 0.7, height });
    });
    return drawing("g", {}, drawing("title", {}, `${moment(point.started_at)}: ${gradesInWords(point.grades)}`), parts);
  });
  const [first, last] = [points[0], points.at(-1)].map((point) => moment(point.started_at).slice(0, 10));
  const label = `Grades of ${count(points.length, "scan")}, from ${first} to ${last}`;
  return element("figure", {},
    drawing("svg", { class: "trend", viewBox: "0 0 600 184", role: "img", "aria-label": label },
      drawing("line", { class: "axis", x1: 0, x2: 600, y1: 181, y2: 181 }), columns),
    element("figcaption", { class: "quiet ends" }, element("span", {}, first), element("span", {}, last)));
}

function gradesInWords(grades) {
  return LETTERS.filter((letter) => grades[letter]).map((letter) => `${grades[letter]} ${letter}`).join(", ");
}
