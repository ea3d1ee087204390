// Short messages after something was done, with a way back where there is one.
export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  undo?: () => Promise<void> | void;
}

class ToastList {
  all = $state.raw<Toast[]>([]);
  #next = 1;

  show(text: string, options: { bad?: boolean; undo?: () => Promise<void> | void } = {}): void {
    const toast: Toast = { id: this.#next++, text, bad: options.bad ?? false, undo: options.undo };
    this.all = [...this.all.slice(-2), toast];
    // What can be undone, or went wrong, is not hurried away.
    setTimeout(() => this.close(toast.id), toast.undo || toast.bad ? 15_000 : 6_000);
  }

  close(id: number): void {
    this.all = this.all.filter((toast) => toast.id !== id);
  }
}
export const toasts = new ToastList();
