import { Counter, Gauge, type Registry } from 'prom-client';

/** Of the process itself, under the names that Prometheus' own clients use. */
export function processMetrics(registry: Registry): void {
  const registers = [registry];
  const startedAt = Date.now() / 1000 - process.uptime();
  const cpu: Counter = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Time of processors that the controller has used',
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const memory: Gauge = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory that the controller has in use',
    registers,
    collect: () => memory.set(process.memoryUsage.rss()),
  });
  const start: Gauge = new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the controller was started, in seconds since 1970',
    registers,
    collect: () => start.set(startedAt),
  });
}
