# Debian packages, one a component: cpack -G DEB --config BUILD/CPackConfig.cmake -B FOLDER
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME loadlock)
set(CPACK_PACKAGE_VENDOR loadlock)
set(CPACK_PACKAGE_CONTACT "The loadlock authors <loadlock@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL daemon command dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# What only packages have: places that a prefix does not reach, units, documents.
set(CPACK_LOADLOCK_SOURCE ${CMAKE_SOURCE_DIR})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/deploy/debian/stage.cmake)

set(CPACK_DEBIAN_DAEMON_PACKAGE_NAME loadlockd)
set(CPACK_DEBIAN_DAEMON_PACKAGE_SECTION science)
set(CPACK_DEBIAN_DAEMON_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DAEMON_PACKAGE_DEPENDS "adduser, passwd, init-system-helpers (>= 1.52)")
set(CPACK_COMPONENT_DAEMON_DESCRIPTION
    "sandboxed loader of machine-learning models\nThe daemon, its worker and the policies. It reads pickle, joblib, torch and other model files\nwithout running anything in them and hands over what its policy allows.")
list(APPEND CPACK_DEBIAN_DAEMON_PACKAGE_CONTROL_EXTRA
     ${CMAKE_SOURCE_DIR}/deploy/debian/loadlockd/postinst
     ${CMAKE_SOURCE_DIR}/deploy/debian/loadlockd/prerm
     ${CMAKE_SOURCE_DIR}/deploy/debian/loadlockd/postrm
     ${CMAKE_SOURCE_DIR}/deploy/debian/loadlockd/conffiles)

set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME loadlock)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMMAND_PACKAGE_SHLIBDEPS ON)
# Without a daemon it starts one of its own.
set(CPACK_DEBIAN_COMMAND_PACKAGE_RECOMMENDS "loadlockd (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_COMMAND_DESCRIPTION
    "command of loadlock, the sandboxed loader of models\nAudits and shows machine-learning models that nobody trusts.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libloadlock-client-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libgrpc++-dev, libprotobuf-dev, libabsl-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION
    "C++ library and interface of loadlock\nHeaders, a static library for find_package(loadlock), and the .proto files of the service.")

include(CPack)
