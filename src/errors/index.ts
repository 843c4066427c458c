export { type CatalogueEntry, catalogue, type FaultCode, type Retry } from './catalogue.js';
export { type Fault, type FaultDetails, FaultError, fault, raise } from './fault.js';
export { SettingError } from './setting.js';
export { errorTableMarkdown } from './table.js';
