import { useEffect, useState } from "./dom.js";

const TICK_MS = 250;

/**
 * Whole seconds that are left, counted on from what was read last.
 * @param {number|null} leftS null: there is no end
 */
export function useCountdown(leftS) {
  const [left, setLeft] = useState(leftS);
  useEffect(() => {
    setLeft(leftS);
    if (leftS === null) return undefined;
    const until = performance.now() + leftS * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - performance.now()) / 1000)));
    tick();
    const timer = setInterval(tick, TICK_MS);
    return () => clearInterval(timer);
  }, [leftS]);
  return left;
}
