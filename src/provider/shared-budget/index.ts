export { type BudgetBoards, type BoardStep, SharedBudget, type SharedBudgetOptions } from './shared.js';
