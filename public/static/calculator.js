// What file data costs in memory under each strategy. Multiplication, nothing else.

import { KIB, MIB, bytesText } from "./units.js";

const CHUNK_SIZE = 32 * KIB;
const MAX_IN_MEMORY_SIZE = MIB;
const SMALLEST_FILE = 10 * KIB;

/** Return for each strategy the bytes it holds and how they come about. */
function memoryOf(clients, size) {
  const times = `${clients.toLocaleString("en")} ×`;
  const isSmall = size <= MAX_IN_MEMORY_SIZE;
  return {
    load: { bytes: clients * size, formula: `${times} ${bytesText(size)}` },
    stream: { bytes: clients * CHUNK_SIZE, formula: `${times} ${bytesText(CHUNK_SIZE)}` },
    hybrid: isSmall
      ? { bytes: size, formula: "one copy for all" }
      : { bytes: CHUNK_SIZE, formula: "one buffer for all" },
  };
}

// Both sliders are logarithmic: 100 steps are a factor of 10 in clients, 10 a factor of 2 in size.
const clientsAt = (position) => Math.round(10 ** (position / 100));
const positionOfClients = (clients) => Math.round(100 * Math.log10(clients));
const sizeAt = (position) => twoDigits(SMALLEST_FILE * 2 ** (position / 10));
const positionOfSize = (size) => Math.round(10 * Math.log2(size / SMALLEST_FILE));

function twoDigits(bytes) {
  const unit = 1024 ** Math.floor(Math.log2(bytes) / 10);
  return Number((bytes / unit).toPrecision(2)) * unit;
}

export function openCalculator() {
  const page = (id) => document.getElementById(id);
  const chosen = { clients: 50, size: 100 * MIB };

  function show() {
    const memory = memoryOf(chosen.clients, chosen.size);
    const most = Math.max(...Object.values(memory).map(({ bytes }) => bytes));
    page("clients-text").textContent = chosen.clients.toLocaleString("en");
    page("size-text").textContent = bytesText(chosen.size);
    page("clients").setAttribute("aria-valuetext", page("clients-text").textContent);
    page("size").setAttribute("aria-valuetext", page("size-text").textContent);
    for (const [strategy, { bytes, formula }] of Object.entries(memory)) {
      const bar = page("calculator").querySelector(`.bars .${strategy}`);
      bar.querySelector("i").style.width = `${(100 * bytes) / most}%`;
      bar.querySelector("b").textContent = bytesText(bytes);
      bar.querySelector("span").textContent = formula;
    }
    for (const preset of page("calculator").querySelectorAll(".presets button")) {
      const isChosen = Number(preset.dataset.clients) === chosen.clients
        && Number(preset.dataset.size) * MIB === chosen.size;
      preset.setAttribute("aria-pressed", isChosen);
    }
  }

  /** Say the outcome, once a choice is made: the sliders themselves move too often for that. */
  function announce() {
    const { load, stream, hybrid } = memoryOf(chosen.clients, chosen.size);
    page("calculated").textContent = `Load all ${bytesText(load.bytes)}, stream ${bytesText(stream.bytes)}, `
      + `evloop ${bytesText(hybrid.bytes)}.`;
  }

  function choose(clients, size) {
    Object.assign(chosen, { clients, size });
    page("clients").value = positionOfClients(clients);
    page("size").value = positionOfSize(size);
    show();
  }

  page("clients").addEventListener("input", (event) => {
    chosen.clients = clientsAt(event.target.valueAsNumber);
    show();
  });
  page("size").addEventListener("input", (event) => {
    chosen.size = sizeAt(event.target.valueAsNumber);
    show();
  });
  for (const preset of page("calculator").querySelectorAll(".presets button")) {
    preset.addEventListener("click", () => {
      choose(Number(preset.dataset.clients), Number(preset.dataset.size) * MIB);
      announce();
    });
  }
  page("sliders").addEventListener("change", announce);
  page("calculator").hidden = false;
  choose(chosen.clients, chosen.size);
}
