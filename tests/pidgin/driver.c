/*
 * pidgin-sipe without a screen: signs one account in, prints a line per event, takes orders from standard input.
 *
 *   driver CONFIG-FOLDER ACCOUNT HOST:PORT        account: alice@example.com,EXAMPLE\alice
 *
 * Printed:  signed-on
 *           signed-off
 *           failed TEXT                            the connection cannot be made, or is lost; the program ends
 *           status URI STATUS NOTE                 a buddy's status, the note behind one blank (empty: none); also after every change
 *           own STATUS NOTE                        the account's own status, whoever changed it
 *           im URI TEXT                            an instant message came
 *           done ORDER                             an order was carried out
 * Orders:   status ID                              available, busy, do-not-disturb, be-right-back, away, invisible
 *           note TEXT                              with the present status; nothing: none
 *           say URI TEXT                           sends an instant message
 *           close URI                              closes the conversation
 *           show                                   prints every buddy's status
 *           quit                                   signs off and ends
 *
 * cc driver.c -o driver $(pkg-config --cflags --libs purple)
 */
#include <purple.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static GMainLoop *loop;
static PurpleAccount *account;
static gboolean leaving;

/* One line, in one piece, at once. */
static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_strdelimit(line, "\r\n", ' ');
    printf("%s\n", line);
    fflush(stdout);
    g_free(line);
}

/* libpurple's event loop on GLib's. */
typedef struct {
    PurpleInputFunction function;
    gpointer data;
} Watch;

static gboolean on_io(GIOChannel *source, GIOCondition condition, gpointer data)
{
    Watch *watch = data;
    int got = 0;
    if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) {
        got |= PURPLE_INPUT_READ;
    }
    if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL)) {
        got |= PURPLE_INPUT_WRITE;
    }
    watch->function(watch->data, g_io_channel_unix_get_fd(source), got);
    return TRUE;
}

static guint add_input(int fd, PurpleInputCondition condition, PurpleInputFunction function, gpointer data)
{
    Watch *watch = g_new0(Watch, 1);
    watch->function = function;
    watch->data = data;
    GIOCondition wanted = 0;
    if (condition & PURPLE_INPUT_READ) {
        wanted |= G_IO_IN | G_IO_HUP | G_IO_ERR;
    }
    if (condition & PURPLE_INPUT_WRITE) {
        wanted |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
    }
    GIOChannel *channel = g_io_channel_unix_new(fd);
    guint id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, wanted, on_io, watch, g_free);
    g_io_channel_unref(channel);
    return id;
}

static PurpleEventLoopUiOps event_loop = {
    .timeout_add = g_timeout_add,
    .timeout_remove = g_source_remove,
    .input_add = add_input,
    .input_remove = g_source_remove,
    .timeout_add_seconds = g_timeout_add_seconds,
};

static PurpleCoreUiOps core_ui;

static const char *note_of(PurpleStatus *status)
{
    const char *note = purple_status_get_attr_string(status, "message");
    return note == NULL ? "" : note;
}

static void say_buddy(PurpleBuddy *buddy)
{
    PurpleStatus *status = purple_presence_get_active_status(purple_buddy_get_presence(buddy));
    PurplePluginProtocolInfo *plugin = PURPLE_PLUGIN_PROTOCOL_INFO(purple_connection_get_prpl(purple_account_get_connection(account)));
    char *text = plugin->status_text(buddy);
    say("status %s %s %s", purple_buddy_get_name(buddy), purple_status_get_id(status), text == NULL ? "" : text);
    g_free(text);
}

static void say_own(void)
{
    PurpleStatus *status = purple_account_get_active_status(account);
    say("own %s %s", purple_status_get_id(status), note_of(status));
}

static void on_buddy_status(PurpleBuddy *buddy, PurpleStatus *old, PurpleStatus *now, gpointer data)
{
    say_buddy(buddy);
}

static void on_buddy(PurpleBuddy *buddy, gpointer data)
{
    say_buddy(buddy);
}

static void on_own_status(PurpleAccount *whose, PurpleStatus *old, PurpleStatus *now, gpointer data)
{
    say_own();
}

static void on_signed_on(PurpleConnection *connection, gpointer data)
{
    say("signed-on");
}

static void on_signed_off(PurpleConnection *connection, gpointer data)
{
    say("signed-off");
    if (leaving) {
        g_main_loop_quit(loop);
    }
}

static void on_failure(PurpleConnection *connection, PurpleConnectionError error, const char *text, gpointer data)
{
    say("failed %s", text);
    g_main_loop_quit(loop);
}

static void on_im(PurpleAccount *whose, char *sender, char *message, PurpleConversation *conversation, PurpleMessageFlags flags, gpointer data)
{
    char *plain = purple_markup_strip_html(message);
    say("im %s %s", sender, plain);
    g_free(plain);
}

static PurpleConversation *conversation_with(const char *who)
{
    return purple_find_conversation_with_account(PURPLE_CONV_TYPE_IM, who, account);
}

static void show_all(void)
{
    GSList *all = purple_find_buddies(account, NULL);
    for (GSList *at = all; at != NULL; at = at->next) {
        say_buddy(at->data);
    }
    g_slist_free(all);
}

static void order(const char *line)
{
    PurpleStatus *now = purple_account_get_active_status(account);
    if (g_str_has_prefix(line, "status ")) {
        purple_account_set_status(account, line + strlen("status "), TRUE, NULL);
    } else if (g_str_has_prefix(line, "note")) {
        const char *text = line + strlen("note");
        text += strspn(text, " ");
        purple_account_set_status(account, purple_status_get_id(now), TRUE, "message", *text == '\0' ? NULL : text, NULL);
    } else if (g_str_has_prefix(line, "say ")) {
        char **words = g_strsplit(line, " ", 3);
        serv_send_im(purple_account_get_connection(account), words[1], words[2], 0);
        g_strfreev(words);
    } else if (g_str_has_prefix(line, "close ")) {
        PurpleConversation *conversation = conversation_with(line + strlen("close "));
        if (conversation == NULL) {
            say("failed no conversation %s", line);
            return;
        }
        purple_conversation_destroy(conversation);
    } else if (strcmp(line, "show") == 0) {
        show_all();
    } else if (strcmp(line, "quit") == 0) {
        leaving = TRUE;
        purple_account_set_enabled(account, purple_core_get_ui(), FALSE);
        return;
    } else {
        say("failed unknown order %s", line);
        return;
    }
    say("done %s", line);
}

static gboolean on_input(GIOChannel *source, GIOCondition condition, gpointer data)
{
    char *line = NULL;
    GIOStatus status = g_io_channel_read_line(source, &line, NULL, NULL, NULL);
    if (status == G_IO_STATUS_NORMAL) {
        order(g_strchomp(line));
    } else if (status != G_IO_STATUS_AGAIN) {
        g_main_loop_quit(loop);
        return FALSE;
    }
    g_free(line);
    return TRUE;
}

static void listen_to_everything(void)
{
    static int handle;
    void *buddies = purple_blist_get_handle(), *connections = purple_connections_get_handle();
    purple_signal_connect(connections, "signed-on", &handle, PURPLE_CALLBACK(on_signed_on), NULL);
    purple_signal_connect(connections, "signed-off", &handle, PURPLE_CALLBACK(on_signed_off), NULL);
    purple_signal_connect(connections, "connection-error", &handle, PURPLE_CALLBACK(on_failure), NULL);
    purple_signal_connect(buddies, "buddy-status-changed", &handle, PURPLE_CALLBACK(on_buddy_status), NULL);
    purple_signal_connect(buddies, "buddy-signed-on", &handle, PURPLE_CALLBACK(on_buddy), NULL);
    purple_signal_connect(buddies, "buddy-signed-off", &handle, PURPLE_CALLBACK(on_buddy), NULL);
    purple_signal_connect(purple_conversations_get_handle(), "received-im-msg", &handle, PURPLE_CALLBACK(on_im), NULL);
    purple_signal_connect(purple_accounts_get_handle(), "account-status-changed", &handle, PURPLE_CALLBACK(on_own_status), NULL);
}

static void sign_in(const char *name, const char *server)
{
    account = purple_account_new(name, "prpl-sipe");
    purple_account_set_password(account, "secret");
    purple_account_set_string(account, "server", server);
    purple_account_set_string(account, "transport", "tcp");
    purple_account_set_string(account, "authentication", "ntlm");
    purple_account_set_string(account, "useragent", "UCCAPI/15.0.4420.1017 OC/15.0.4420.1017");
    purple_account_set_bool(account, "dont-publish", TRUE);
    purple_accounts_add(account);
    purple_account_set_enabled(account, purple_core_get_ui(), TRUE);
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: driver CONFIG-FOLDER ACCOUNT HOST:PORT\n");
        return 2;
    }
    loop = g_main_loop_new(NULL, FALSE);
    purple_util_set_user_dir(arguments[1]);
    purple_debug_set_enabled(getenv("SIPE_DEBUG") != NULL);
    purple_eventloop_set_ui_ops(&event_loop);
    purple_core_set_ui_ops(&core_ui);
    if (!purple_core_init("uc-tests")) {
        say("failed libpurple does not start");
        return 1;
    }
    purple_set_blist(purple_blist_new());
    purple_prefs_load();
    if (purple_find_prpl("prpl-sipe") == NULL) {
        say("failed the plugin prpl-sipe is not there");
        return 1;
    }
    listen_to_everything();
    sign_in(arguments[2], arguments[3]);
    purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
    GIOChannel *input = g_io_channel_unix_new(STDIN_FILENO);
    g_io_channel_set_flags(input, G_IO_FLAG_NONBLOCK, NULL);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, NULL);
    g_main_loop_run(loop);
    purple_core_quit();
    return 0;
}
