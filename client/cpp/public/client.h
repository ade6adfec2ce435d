// What a program includes that uses the installed library: <loadlock/client.h>.
#ifndef LOADLOCK_CLIENT_CPP_PUBLIC_CLIENT_H_
#define LOADLOCK_CLIENT_CPP_PUBLIC_CLIENT_H_

#include "client/cpp/client.h"
#include "client/cpp/private_daemon.h"

#endif  // LOADLOCK_CLIENT_CPP_PUBLIC_CLIENT_H_
