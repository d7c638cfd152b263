# Makes C strings of text files, so that the pages' words are written as Markdown:
#
#   cmake -DOUT=FILE.c "-DFILES=PATH/NAME.md.in;…" -P embed.cmake
#
# NAME.md.in becomes `const char docs_NAME[]` (emit_docs.h).
set(code "/* Made by embed.cmake. */\n#include \"emit_docs.h\"\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  string(APPEND code "\nconst char docs_${name}[] =\n    \"${text}\";\n")
endforeach()
file(WRITE ${OUT} "${code}")
