/* What the files of config share: only they include this. */
#ifndef BASE_CONFIG_PARTS_H
#define BASE_CONFIG_PARTS_H

#include "base/config.h"

/* "BELFRY_LINK_KEY" is "link-key": the flag without its dashes. */
void config_flag_name(const struct option_def *option, struct buf *ret_name);

/* Stores `text` in the option's field. False: ret_problem says what it must be, such as
 * `must be a whole number, not "x"`, and the field is unchanged. TEXT and SECRET keep
 * the pointer. */
bool config_parse(const struct option_def *option, const char *text, void *settings,
                  struct buf *ret_problem);

/* "from 1 to 65535" in the option's own unit; nothing if any number will do. */
void config_append_range(const struct option_def *option, struct buf *ret_text);

/* What stands for the value in help: "NUMBER", "on|off", the choices. Never NULL. */
const char *config_type_word(const struct option_def *option);

/* The answer to --help. */
void config_help(const struct option_def *options, size_t option_count,
                 const char *program, const char *purpose, struct buf *ret_text);

#endif
