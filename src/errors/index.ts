export { type CatalogueEntry, catalogue, type FaultCode } from './catalogue.js';
export { type Fault, type FaultDetails, FaultError, fault, type Retry, raise } from './fault.js';
