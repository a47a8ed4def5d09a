// Time: play, pause, speed, step, scrub. Tells its listeners the second that is shown.

export class Player {
  durationS = 0;
  rateHz = 30;
  speed = 1;
  private now = 0;
  private last = 0;
  private running = false;
  private readonly listeners = new Set<(seconds: number) => void>();

  get playing(): boolean {
    return this.running;
  }

  get seconds(): number {
    return this.now;
  }

  get frame(): number {
    return Math.round(this.now * this.rateHz);
  }

  onTime(listener: (seconds: number) => void): void {
    this.listeners.add(listener);
  }

  load(durationS: number, rateHz: number): void {
    this.durationS = durationS;
    this.rateHz = rateHz;
    this.seek(0);
  }

  seek(seconds: number): void {
    this.now = Math.min(Math.max(seconds, 0), this.durationS);
    for (const listener of this.listeners) listener(this.now);
  }

  /** One frame on or back; stops. */
  step(frames: number): void {
    this.pause();
    this.seek((this.frame + frames) / this.rateHz);
  }

  toggle(): void {
    if (this.running) this.pause();
    else this.play();
  }

  play(): void {
    if (this.running) return;
    this.running = true;
    this.last = performance.now();
    if (this.now >= this.durationS - 1e-6) this.now = 0;
    requestAnimationFrame(this.tick);
  }

  pause(): void {
    this.running = false;
    this.seek(this.now);
  }

  private readonly tick = (at: number): void => {
    if (!this.running) return;
    let next = this.now + (Math.max(at - this.last, 0) / 1000) * this.speed;
    this.last = at;
    if (next > this.durationS) next = this.durationS > 0 ? next % this.durationS : 0;
    this.seek(next);
    requestAnimationFrame(this.tick);
  };
}
