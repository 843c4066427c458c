import { testMatrix } from './matrix.js';

testMatrix(['kill upwrite', 'kill postgres', 'kill api']);
