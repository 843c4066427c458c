export { createLog, type Log, type LogLevel, type LogOptions, type LogSink, silentLog } from './log.js';
export {
  type Counter,
  type Gauge,
  type Histogram,
  type HistogramOptions,
  type Labels,
  type MetricOptions,
  Metrics,
  secondsBuckets,
} from './metrics.js';
export { redact, redactText } from './redact.js';
