// Two files in, a job out. Several motions or characters make a job for each pair; each file is sent once.

import { post, store, type Asset, type AssetKind, type Job } from "./api";
import { h, refill } from "./dom";
import { OptionsForm } from "./options_form";

const ENDINGS: Record<AssetKind, string> = {
  motions: ".bvh,.fbx,.glb,.gltf,.bin,.vrm,.vrma,.npz,.npy,.usd,.usda,.usdc,.usdz,.zip",
  characters: ".glb,.gltf,.bin,.png,.jpg,.vrm,.fbx,.bvh,.zip",
};
const SAMPLES: Record<AssetKind, string[]> = {
  motions: ["hands_on_hips.bvh", "wave.bvh"],
  characters: ["stout.glb"],
};
// A .gltf comes with files beside it, which are no motion or character of their own.
const BESIDE = /\.(bin|png|jpe?g|ktx2|webp)$/i;

export class NewJob {
  readonly element: HTMLElement;
  private readonly files: Record<AssetKind, File[]> = { motions: [], characters: [] };
  private readonly options = new OptionsForm();
  private readonly go: HTMLButtonElement;
  private readonly state = h("p", { role: "status", class: "dim" });
  private readonly zones: Record<AssetKind, HTMLElement>;

  constructor(
    private readonly on: { posted(jobs: Job[]): void; fail(error: unknown): void },
  ) {
    this.zones = { motions: h("div", { class: "chosen" }), characters: h("div", { class: "chosen" }) };
    this.go = h("button", { class: "primary", disabled: true, onclick: () => void this.start() }, "Retarget");
    this.element = h(
      "section",
      { class: "new", "aria-label": "new job" },
      h("div", { class: "zones" }, this.zone("motions", "Motion"), this.zone("characters", "Character")),
      h("h2", {}, "Options"),
      this.options.element,
      h("div", { class: "row" }, this.go, this.state),
    );
    this.options.load().catch((error) => this.on.fail(error));
  }

  private zone(kind: AssetKind, title: string): HTMLElement {
    const input = h("input", {
      type: "file",
      id: `file-${kind}`,
      multiple: true,
      accept: ENDINGS[kind],
      onchange: () => this.choose(kind, [...(input.files ?? [])]),
    });
    const zone = h(
      "div",
      { class: "zone", "data-kind": kind },
      h("h2", {}, title),
      h("label", { for: `file-${kind}` }, "Drop files here, or choose"),
      input,
      h(
        "p",
        {},
        "Samples: ",
        ...SAMPLES[kind].map((name) => h("button", { class: "link", onclick: () => void this.sample(kind, name) }, name)),
      ),
      this.zones[kind],
    );
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      this.choose(kind, [...(event.dataTransfer?.files ?? [])]);
    });
    return zone;
  }

  private async sample(kind: AssetKind, name: string): Promise<void> {
    try {
      const answer = await fetch(`/studio/samples/${name}`);
      if (!answer.ok) throw new Error(`the sample ${name} is not there; choose a file of your own`);
      this.choose(kind, [new File([await answer.blob()], name)]);
    } catch (error) {
      this.on.fail(error);
    }
  }

  private choose(kind: AssetKind, files: File[]): void {
    this.files[kind] = files;
    refill(this.zones[kind], ...files.map((file) => h("span", { class: "file" }, `${file.name}, ${(file.size / 1e6).toFixed(2)} MB`)));
    this.go.disabled = !this.files.motions.length || !this.files.characters.length;
    const count = groups(this.files.motions).length * groups(this.files.characters).length;
    this.go.textContent = count > 1 ? `Retarget ${count} pairs` : "Retarget";
  }

  private async start(): Promise<void> {
    this.go.disabled = true;
    try {
      const [motions, characters] = [await this.send("motions"), await this.send("characters")];
      const options = { ...this.options.values(), scene: true };
      const jobs: Job[] = [];
      for (const motion of motions) for (const character of characters) jobs.push(await post(motion.id, character.id, options));
      this.state.textContent = "";
      this.on.posted(jobs);
    } catch (error) {
      this.state.textContent = "";
      this.on.fail(error);
    } finally {
      this.go.disabled = false;
    }
  }

  private async send(kind: AssetKind): Promise<Asset[]> {
    const assets: Asset[] = [];
    for (const files of groups(this.files[kind])) {
      const name = files[0]?.name;
      assets.push(await store(kind, files, (share) => (this.state.textContent = `sending ${name}: ${Math.round(share * 100)} %`)));
    }
    return assets;
  }
}

/** One group for each motion or character; the files beside a .gltf stay with it. */
export function groups(files: File[]): File[][] {
  const beside = files.filter((file) => BESIDE.test(file.name));
  const main = files.filter((file) => !BESIDE.test(file.name));
  return main.map((file) => (/\.gltf$/i.test(file.name) ? [file, ...beside] : [file]));
}
