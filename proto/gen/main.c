/* belfry-gen: prints what the contract says in the forms that others read, or refuses it
 * with every mistake by file and line. */
#include "compat.h"
#include "model.h"

#include <errno.h>
#include <stdio.h>

#define DESCRIPTOR_SET_MAX (64u << 20)

/* Every build makes this one, so every build says how much is left. */
static enum err emit_core_and_count(struct contract *contract, const char *directory)
{
    TRY(emit_core(contract, directory));
    print_planned(contract, false);
    return ERR_OK;
}

static enum err emit_planned(struct contract *contract, const char *directory)
{
    (void)directory;
    print_planned(contract, true);
    return ERR_OK;
}

static const struct output {
    const char *flag;
    enum err (*emit)(struct contract *contract, const char *directory);
} outputs[] = {
    {"--core", emit_core_and_count}, {"--docs", emit_docs},
    {"--asyncapi", emit_asyncapi},   {"--typescript", emit_typescript},
    {"--promises", emit_promises},   {"--compatible", emit_compatible},
};

static int usage(void)
{
    fprintf(stderr, "usage: belfry-gen OUTPUT OUTDIR FILE.ds\n"
                    "  --core        events.gen.h and events.gen.c of the core\n"
                    "  --docs        a page for each domain, README.md with all events\n"
                    "  --asyncapi    asyncapi.json\n"
                    "  --typescript  the types of @belfry/client\n"
                    "  --promises    deployed.txt: what clients rely on\n"
                    "       belfry-gen --compatible DEPLOYED.txt FILE.ds\n"
                    "  lists what breaks clients of the contract that it was made of\n"
                    "       belfry-gen --planned FILE.ds\n"
                    "  prints what is documented and not built\n"
                    "FILE.ds: protoc --include_imports --include_source_info "
                    "--descriptor_set_out=FILE.ds …\n");
    return 2;
}

static bool read_file(const char *path, struct buf *ret_data)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    char chunk[65536];
    size_t size;
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(ret_data, chunk, size);
    }
    bool complete = !ferror(file) && !ret_data->failed;
    fclose(file);
    return complete;
}

static int print_errors(const struct contract *contract)
{
    for (size_t i = 0; i < contract->error_count; i++) {
        const struct contract_error *error = &contract->errors[i];
        fprintf(stderr, "%s:%d: %s\n", error->place.file, error->place.line, error->text);
    }
    return 1;
}

static int generate(const struct output *output, const char *directory, const char *path)
{
    struct buf data;
    buf_init(&data, DESCRIPTOR_SET_MAX);
    struct contract contract = {0};
    int status = 2;
    if (!read_file(path, &data)) {
        perror(path);
    } else if (contract_load(&contract, buf_bytes(&data)) != ERR_OK) {
        fprintf(stderr, "%s: is no descriptor set\n", path);
    } else if (contract.error_count > 0) {
        status = print_errors(&contract);
    } else {
        enum err err = output->emit(&contract, directory);
        status = err == ERR_OK ? 0 : err == ERR_CONFLICT ? 1 : 2;
        if (status == 2) {
            perror(directory);
        }
    }
    contract_finish(&contract);
    buf_finish(&data);
    return status;
}

int main(int argc, char **argv)
{
    static const struct output planned = {"--planned", emit_planned};
    if (argc == 3 && strcmp(argv[1], planned.flag) == 0) {
        return generate(&planned, NULL, argv[2]);
    }
    if (argc != 4) {
        return usage();
    }
    for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
        if (strcmp(argv[1], outputs[i].flag) == 0) {
            return generate(&outputs[i], argv[2], argv[3]);
        }
    }
    return usage();
}
