/** Every case of the suite, by area. */
import type { Case } from '../case.js';
import { activerecord } from './activerecord.js';
import { django } from './django.js';
import { drizzle } from './drizzle.js';
import { hibernate } from './hibernate.js';
import { knex } from './knex.js';
import { kysely } from './kysely.js';
import { names } from './names.js';
import { pgx } from './pgx.js';
import { prisma } from './prisma.js';
import { protocol } from './protocol.js';
import { returning } from './returning.js';
import { sequelize } from './sequelize.js';
import { sqlalchemy } from './sqlalchemy.js';
import { copies, cursors, prepared } from './statements.js';
import { errors, privileges, transactions } from './transactions.js';
import { typeorm } from './typeorm.js';
import { upserts } from './upserts.js';
import { values } from './values.js';

export const areas: Readonly<Record<string, readonly Case[]>> = {
  Prisma: prisma,
  Drizzle: drizzle,
  Kysely: kysely,
  Knex: knex,
  TypeORM: typeorm,
  Sequelize: sequelize,
  SQLAlchemy: sqlalchemy,
  Django: django,
  ActiveRecord: activerecord,
  Hibernate: hibernate,
  pgx,
  values,
  names,
  returning,
  protocol,
  transactions,
  privileges,
  errors,
  COPY: copies,
  'PREPARE and EXECUTE': prepared,
  cursors,
  upserts,
};
