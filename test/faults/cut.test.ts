import { testMatrix } from './matrix.js';

testMatrix(['cut client', 'cut postgres', 'cut api']);
