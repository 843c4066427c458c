export { type BoardStep, type BudgetBoards, SharedBudget, type SharedBudgetOptions } from './shared.js';
