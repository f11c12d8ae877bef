# `cmake --install BUILD`: the program, its shell completions, the documents, and under share/reluscope, laid out as in
# the source tree (configs name their data by relative paths), the example configs, their data and the plotting scripts.
include(GNUInstallDirs)

install(TARGETS reluscope RUNTIME)
install(FILES README.md CHANGELOG.md LICENSE TYPE DOC OPTIONAL)
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/reluscope)
install(DIRECTORY data/digits data/birds DESTINATION ${CMAKE_INSTALL_DATADIR}/reluscope/data)
install(DIRECTORY scripts/ DESTINATION ${CMAKE_INSTALL_DATADIR}/reluscope/scripts USE_SOURCE_PERMISSIONS
        FILES_MATCHING PATTERN "*.py" PATTERN "*.gp" PATTERN "__pycache__" EXCLUDE)

# The completions are what the program itself says: `reluscope completion SHELL`, written after it is linked.
set(completions ${CMAKE_BINARY_DIR}/completions)
set(completion_bash ${completions}/reluscope)
set(completion_zsh ${completions}/_reluscope)
set(completion_fish ${completions}/reluscope.fish)
file(MAKE_DIRECTORY ${completions})
if(NOT CMAKE_CROSSCOMPILING)
  foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${completion_${shell}} COMMAND reluscope completion ${shell} > ${completion_${shell}}
                       DEPENDS reluscope VERBATIM)
  endforeach()
  add_custom_target(completions ALL DEPENDS ${completion_bash} ${completion_zsh} ${completion_fish})
  install(FILES ${completion_bash} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${completion_zsh} DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${completion_fish} DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
