# `cmake --install BUILD`: the program, its shell completions and man page, the documents, and under share/reluscope, laid out as in
# the source tree (configs name their data by relative paths), the example configs, their data and the plotting scripts.
include(GNUInstallDirs)

install(TARGETS reluscope RUNTIME)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE TYPE DOC OPTIONAL)
install(DIRECTORY docs TYPE DOC)
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

# The man page is what `--help` says; it tells how to get the help of each command.
find_program(HELP2MAN help2man)
if(HELP2MAN AND NOT CMAKE_CROSSCOMPILING)
  set(man_page ${CMAKE_BINARY_DIR}/man/reluscope.1)
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
  add_custom_command(OUTPUT ${man_page}
                     COMMAND ${HELP2MAN} --no-info --output=${man_page}
                             "--name=finds out when a unit of a neural network died, and what killed it"
                             $<TARGET_FILE:reluscope>
                     DEPENDS reluscope VERBATIM)
  add_custom_target(man ALL DEPENDS ${man_page})
  install(FILES ${man_page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# `cpack --config BUILD/CPackConfig.cmake` makes a Debian package of the same, from the preset `portable`: what is built
# for this CPU alone is not for others. oneDNN and libzip are loaded where they are there: no library of its own asks
# for them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME reluscope)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "finds out when a unit of a neural network died, and what killed it")
set(CPACK_PACKAGE_CONTACT "the reluscope developers")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libdnnl2, libzip4, gnuplot-nox | gnuplot")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "python3-matplotlib")
set(CPACK_STRIP_FILES ON)
include(CPack)
