// PostgreSQL: one pool, prepared statements.
import { Injectable, type OnModuleDestroy } from '@nestjs/common'
import pg from 'pg'

export interface MessageRow {
  id: string
  created_at: Date
}

@Injectable()
export class Database implements OnModuleDestroy {
  private readonly pool = new pg.Pool({
    connectionString: process.env.DATABASE_URL,
    max: Number(process.env.PG_POOL ?? 20),
    options: '-c search_path=baseline -c synchronous_commit=on',
  })

  async isAllowed(userId: string, roomId: string, action: string): Promise<boolean> {
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
    })
    return rowCount === 1
  }

  // The promise is kept when the commit is.
  async insertMessage(roomId: string, authorId: string, content: string, clientId: string | null): Promise<MessageRow> {
    const { rows } = await this.pool.query<MessageRow>({
      name: 'insert-message',
      text: `INSERT INTO messages (room_id, author_id, content, client_id)
             VALUES ($1, $2, $3, $4) RETURNING id, created_at`,
      values: [roomId, authorId, content, clientId],
    })
    return rows[0]
  }

  async onModuleDestroy() {
    await this.pool.end()
  }
}
