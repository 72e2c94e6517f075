// Speed over the length of a file: the width is the file, the height is the speed in that part.

const WIDTH = 1000;
const HEIGHT = 100;
// The tallest part stays clear of the labels at the top.
const HEADROOM = 0.76;
// Short enough to show the course, long enough that the browser's clock (0.1 to 1 ms) can time it.
const SHORTEST_SAMPLE_MS = 25;
const MOST_SAMPLES = 250;

export class SpeedGraph {
  constructor(element) {
    const part = (name) => element.querySelector(`.${name}`);
    this.parts = { done: part("done"), area: part("area"), edge: part("edge"), seams: part("seams") };
    this.clear(0);
  }

  /** Forget everything; the file that comes is *size* bytes long. */
  clear(size) {
    this.size = size;
    this.samples = [];
    this.seams = [];
    this.offset = 0;
    this.since = null;
  }

  /** A request begins at *offset* and *now*; unless it is the first, mark the seam. */
  begin(offset, now) {
    if (offset > 0) this.seams.push(offset);
    this.begun = offset;
    this.from = offset;
    this.since = now;
    this.offset = offset;
  }

  /** The file has arrived up to *offset*. */
  reach(offset, now) {
    this.offset = offset;
    const isWorthIt = now - this.since >= SHORTEST_SAMPLE_MS
      && offset - this.from >= this.size / MOST_SAMPLES;
    if (isWorthIt) this.#sample(offset, now);
  }

  /** The request is over, if one was begun. A rest too short to time joins the sample before it. */
  end(now) {
    if (this.since === null) return;
    const isOnlyOne = this.from === this.begun;
    if (!isOnlyOne && now - this.since < SHORTEST_SAMPLE_MS) {
      const { from, since } = this.samples.pop();
      Object.assign(this, { from, since });
    }
    if (now > this.since) this.#sample(this.offset, now);
    this.since = null;
  }

  #sample(offset, now) {
    const { from, since } = this;
    this.samples.push({ from, to: offset, since, speed: ((offset - from) / (now - since)) * 1000 });
    this.from = offset;
    this.since = now;
  }

  /** The highest speed shown, in bytes per second; 0 before there is any. */
  get peak() {
    return Math.max(0, ...this.samples.map(({ speed }) => speed));
  }

  draw() {
    const { peak } = this;
    const x = (offset) => ((offset / this.size) * WIDTH).toFixed(1);
    const y = (speed) => (HEIGHT * (1 - (HEADROOM * speed) / peak)).toFixed(1);
    const steps = this.samples.map(({ to, speed }) => `V${y(speed)}H${x(to)}`).join("");
    const start = this.samples.length > 0 ? x(this.samples[0].from) : 0;
    this.parts.done.setAttribute("width", this.size > 0 ? x(this.offset) : 0);
    this.parts.area.setAttribute("d", steps && `M${start} ${HEIGHT}${steps}V${HEIGHT}z`);
    this.parts.edge.setAttribute("d", steps && `M${start} ${HEIGHT}${steps}`);
    this.parts.seams.setAttribute("d", this.seams.map((seam) => `M${x(seam)} 0V${HEIGHT}`).join(""));
  }
}
