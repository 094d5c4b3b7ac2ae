# cmake -D OUT=shipped.c -D FOLDER=tables -P embed.cmake: the tables of a plan as C arrays (tool.h).
set(parts about units areas groups tasks duties kinds topics routes waivers clocks calendar chains)
set(text "#include \"clients/plan/tool.h\"\n\n")
set(rows "")
foreach(part ${parts})
    file(READ ${FOLDER}/${part}.tsv hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
        bytes "${bytes}")
    string(APPEND text "static const unsigned char ${part}[] = {\n${bytes}};\n")
    string(APPEND rows "    {\"plan/${part}.tsv\", {${part}, sizeof ${part}}},\n")
endforeach()
file(WRITE ${OUT} "${text}\nconst struct plan_part tool_shipped[] = {\n${rows}};\n"
    "const size_t tool_shipped_count = sizeof tool_shipped / sizeof tool_shipped[0];\n")
