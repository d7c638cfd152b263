/* Whose right to read is in doubt after an access event: nothing more for them until a
 * core has read it again. */
#include "edge/stream.h"

static bool who_matches(const Link__Who *who, const struct subscription *subscription)
{
    bool user = who->everyone || who->n_users == 0; /* nobody named: all */
    for (size_t i = 0; i < who->n_users && !user; i++) {
        user = who->users[i].len == 16 &&
               memcmp(who->users[i].data, subscription_user(subscription)->b, 16) == 0;
    }
    if (!user || who->n_rooms == 0) {
        return user;
    }
    const struct stream_id *stream = streams_id(subscription);
    for (size_t i = 0; i < who->n_rooms; i++) {
        if (who->rooms[i].len == 16 && stream->kind == STREAM_ROOM &&
            memcmp(who->rooms[i].data, stream->id.b, 16) == 0) {
            return true;
        }
    }
    return false;
}

void flow_doubt(struct streams *streams, struct subscription *subscription,
                uint64_t access_seq)
{
    if (subscription->checked < access_seq) {
        subscription->checked = access_seq;
    }
    if (!subscription->unchecked) {
        subscription->unchecked = true;
        flow_move_to_behind(streams, subscription);
        streams->counters.rechecks++;
        streams->io.recheck(streams->user, subscription);
    }
}

static void doubt_list(struct streams *streams, struct reflist *list,
                       const Link__Who *who, uint64_t access_seq)
{
    struct walk walk;
    walk_begin(streams, &walk, list);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        bool older = s->checked < access_seq || PLANTED(NEWERSUB);
        if (older && (who == NULL || who_matches(who, s))) {
            flow_doubt(streams, s, access_seq);
        }
    }
    walk_end(streams, &walk);
}

void flow_doubt_touched(struct streams *streams, struct stream *access,
                        const Link__Who *who, uint64_t access_seq)
{
    REFLIST_EACH(&access->guarded, node)
    {
        struct stream *stream = container_of(node, struct stream, in_guarded);
        doubt_list(streams, &stream->live, who, access_seq);
        doubt_list(streams, &stream->behind, who, access_seq);
    }
}

static void distrust(struct streams *streams, struct reflist *list, uint64_t access_seq)
{
    struct walk walk;
    walk_begin(streams, &walk, list);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        s->checked = 0;
        flow_doubt(streams, s, access_seq);
    }
    walk_end(streams, &walk);
}

void flow_doubt_scope(struct streams *streams, struct stream *access, uint64_t access_seq)
{
    REFLIST_EACH(&access->guarded, node)
    {
        struct stream *stream = container_of(node, struct stream, in_guarded);
        stream->fence = 0; /* of the old numbers; rows will say it again */
        distrust(streams, &stream->live, access_seq);
        distrust(streams, &stream->behind, access_seq);
    }
}
