/* The answers to fetches: rows are applied, what does not fit is RESYNC, what failed is
 * tried again. */
#include "edge/stream.h"

/* Everything held belongs to another history, or is lost: the stream goes on from the
 * head. */
static void jump(struct streams *streams, struct stream *stream,
                 const struct stream_rows *rows, int64_t now_ms)
{
    flow_verify(streams, stream);
    stream->verify = stream->in_doubt = false;
    stream->confirm = !PLANTED(RECONFIRM); /* what came meanwhile was taken for old */
    stream->last = stream->known = rows->head;
    stream->last_tag = rows->head_tag;
    struct walk walk;
    walk_begin(streams, &walk, &stream->live);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        flow_move_to_behind(streams, s);
    }
    walk_end(streams, &walk);
    if (stream->id.kind == STREAM_ACCESS) {
        flow_doubt_scope(streams, stream, stream->last);
        flow_drain_guarded(streams, stream, now_ms);
    }
}

/* The stream as it was when what has come now was asked for. */
struct asked {
    uint64_t known, last;
};

/* The fetch is over. */
static void fetched(struct stream *stream)
{
    stream->fetching = false;
    stream_end_errand(stream);
}

/* The cursor asked about does not fit: what was missed is lost to these readers. */
static void apply_resync(struct streams *streams, struct stream *stream,
                         const struct asked *asked, const struct stream_rows *rows,
                         int64_t now_ms)
{
    bool whole = rows->after >= asked->last || rows->head < asked->last;
    if (whole && stream->last > asked->last) {
        flow_verify(streams, stream); /* it has moved on: which history was meant? */
        return;
    }
    if (whole) {
        jump(streams, stream, rows, now_ms);
    }
    struct walk walk;
    walk_begin(streams, &walk, &stream->behind);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        if (whole || (s->cursor <= rows->after && !s->unchecked)) {
            flow_resync(streams, s);
        }
    }
    walk_end(streams, &walk);
}

/* True if the log does not go on where the cursor stands: waiting would be for ever. */
static bool has_hole(const struct asked *asked, const struct stream_rows *rows)
{
    return rows->row_count > 0 ? rows->rows[0]->seq > rows->after + 1
                               : rows->after < asked->last;
}

/* Nobody knows of more: the hint was wrong. Who stands beyond it came from there. */
static void unlearn_head(struct streams *streams, struct stream *stream, uint64_t head)
{
    stream->known = head > stream->last ? head : stream->last;
    struct reflist *const lists[] = {&stream->live, &stream->behind};
    for (int i = 0; i < 2; i++) {
        struct walk walk;
        walk_begin(streams, &walk, lists[i]);
        for (struct subscription *s = walk_next(&walk); s; s = walk_next(&walk)) {
            if (s->cursor > stream->known) {
                flow_resync(streams, s);
            }
        }
        walk_end(streams, &walk);
    }
}

/* What the stream itself lacks is applied; the order of the rows is that of seq. */
static void apply_rows(struct streams *streams, struct stream *stream,
                       const struct asked *asked, const struct stream_rows *rows,
                       int64_t now_ms)
{
    uint64_t before = stream->last;
    bool for_reader = rows->after < asked->last;
    for (size_t i = 0; i < rows->row_count; i++) {
        if (rows->rows[i]->seq > stream->last && !(for_reader && PLANTED(NOAHEAD))) {
            flow_offer(streams, stream, rows->rows[i], now_ms);
        }
    }
    /* A gap waited already when a reader's events were asked for, and its time has come
     * meanwhile. */
    bool overdue = asked->known > stream->last && !flow_is_due(stream);
    fetched(stream);
    if (stream->in_doubt && !stream->verify) {
        stream->in_doubt = false; /* this was the answer */
        flow_drain_guarded(streams, stream, now_ms);
    }
    if (stream->known == asked->known && rows->head < stream->known) {
        unlearn_head(streams, stream, rows->head);
    }
    flow_learn_head(streams, stream, rows->head, now_ms);
    bool goes_on = stream->last > before || (for_reader && overdue);
    if (goes_on && flow_has_gap(stream) && !stream->verify) {
        flow_clear_due(stream); /* there is more: go on at once */
    }
}

void streams_rows(struct streams *streams, const struct stream_rows *rows, int64_t now_ms)
{
    struct stream *stream = streams_find(streams, &rows->stream);
    if (stream == NULL || !stream->fetching) {
        return;
    }
    /* What an access stream in doubt has applied says nothing of what was taken away, and
     * its first tag was never known: it begins anew, and so do the checks. */
    bool anew = stream->id.kind == STREAM_ACCESS && stream->in_doubt && !stream->verify;
    const struct errand *errand = stream_errand(stream);
    const struct asked asked = {errand->fetch_known, errand->fetch_last};
    if (anew || rows->resync || has_hole(&asked, rows)) {
        fetched(stream);
        apply_resync(streams, stream, &asked, rows, now_ms);
        flow_feed_behind(streams, stream, NULL);
    } else {
        apply_rows(streams, stream, &asked, rows, now_ms);
        flow_feed_behind(streams, stream, rows);
    }
}

void streams_fetch_failed(struct streams *streams, const struct stream_id *stream_id,
                          int64_t now_ms)
{
    struct stream *stream = streams_find(streams, stream_id);
    if (stream != NULL && stream->fetching) {
        stream->fetching = false;
        stream->verify = true; /* whatever it was for */
        flow_set_due(streams, stream, now_ms + streams->limits.retry_ms);
    }
}

void streams_fetch_again(struct streams *streams, const struct stream_id *stream_id)
{
    struct stream *stream = streams_find(streams, stream_id);
    if (stream == NULL || !stream->fetching) {
        return;
    }
    fetched(stream);
    stream->confirm = true; /* it may have been for that */
    if (stream->in_doubt) {
        stream->verify = true; /* no other answer ends the doubt */
    }
    flow_fetch_if_needed(streams, stream);
}
