# Warnings and sanitizers for every target of the project.
add_library(freightliner_options INTERFACE)
target_compile_options(freightliner_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wconversion
  -Wno-sign-conversion)
if(FREIGHTLINER_WERROR)
  target_compile_options(freightliner_options INTERFACE -Werror)
endif()
# Hardening that costs next to nothing; _FORTIFY_SOURCE needs optimisation.
target_compile_options(freightliner_options INTERFACE -fstack-protector-strong)
if(NOT FREIGHTLINER_SANITIZE)
  target_compile_options(freightliner_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
else()
  target_compile_options(freightliner_options INTERFACE
    -fsanitize=${FREIGHTLINER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(freightliner_options INTERFACE -fsanitize=${FREIGHTLINER_SANITIZE})
endif()
# libFuzzer steers by the coverage of the code under test: of the modules, not of the targets alone.
if(FREIGHTLINER_FUZZ)
  target_compile_options(freightliner_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
