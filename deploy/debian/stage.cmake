# Run by cpack over what it has installed, before it packs: CPACK_TEMPORARY_INSTALL_DIRECTORY holds one
# folder a component.
set(SOURCE ${CPACK_LOADLOCK_SOURCE})
set(DAEMON ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/daemon)

# Debian's configuration is not below /usr.
file(RENAME ${DAEMON}/usr/etc ${DAEMON}/etc)

function(stage to from)
  get_filename_component(folder ${to} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  file(COPY_FILE ${SOURCE}/${from} ${to})
  file(CHMOD ${to} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
endfunction()

foreach(unit loadlockd.service loadlockd.socket)
  stage(${DAEMON}/usr/lib/systemd/system/${unit} deploy/systemd/${unit})
endforeach()
stage(${DAEMON}/usr/lib/tmpfiles.d/loadlockd.conf deploy/systemd/loadlockd.tmpfiles.conf)
stage(${DAEMON}/etc/logrotate.d/loadlockd deploy/systemd/loadlockd.logrotate)
foreach(document README.md SECURITY.md)
  stage(${DAEMON}/usr/share/doc/loadlockd/${document} ${document})
endforeach()
foreach(pair "daemon;loadlockd" "command;loadlock" "dev;libloadlock-client-dev")
  list(GET pair 0 component)
  list(GET pair 1 package)
  stage(${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share/doc/${package}/copyright LICENSE)
endforeach()
