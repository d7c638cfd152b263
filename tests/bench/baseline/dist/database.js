var __decorate = (this && this.__decorate) || function (decorators, target, key, desc) {
    var c = arguments.length, r = c < 3 ? target : desc === null ? desc = Object.getOwnPropertyDescriptor(target, key) : desc, d;
    if (typeof Reflect === "object" && typeof Reflect.decorate === "function") r = Reflect.decorate(decorators, target, key, desc);
    else for (var i = decorators.length - 1; i >= 0; i--) if (d = decorators[i]) r = (c < 3 ? d(r) : c > 3 ? d(target, key, r) : d(target, key)) || r;
    return c > 3 && r && Object.defineProperty(target, key, r), r;
};
// PostgreSQL: one pool, prepared statements.
import { Injectable } from '@nestjs/common';
import pg from 'pg';
let Database = class Database {
    pool = new pg.Pool({
        connectionString: process.env.DATABASE_URL,
        max: Number(process.env.PG_POOL ?? 20),
        options: '-c search_path=baseline -c synchronous_commit=on',
    });
    async isAllowed(userId, roomId, action) {
        const { rowCount } = await this.pool.query({
            name: 'is-allowed',
            text: `SELECT 1
             FROM room_members m
             JOIN rooms r ON r.id = m.room_id
             JOIN roles o ON o.community_id = r.community_id
             JOIN user_roles u ON u.role_id = o.id AND u.user_id = m.user_id
             JOIN role_permissions p ON p.role_id = o.id AND p.action = $3
             WHERE m.room_id = $2 AND m.user_id = $1
             LIMIT 1`,
            values: [userId, roomId, action],
        });
        return rowCount === 1;
    }
    // The promise is kept when the commit is.
    async insertMessage(roomId, authorId, content, clientId) {
        const { rows } = await this.pool.query({
            name: 'insert-message',
            text: `INSERT INTO messages (room_id, author_id, content, client_id)
             VALUES ($1, $2, $3, $4) RETURNING id, created_at`,
            values: [roomId, authorId, content, clientId],
        });
        return rows[0];
    }
    async onModuleDestroy() {
        await this.pool.end();
    }
};
Database = __decorate([
    Injectable()
], Database);
export { Database };
