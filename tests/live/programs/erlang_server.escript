%% An SSH server of Erlang/OTP that lets nobody in: its address, its port, and the folder of its host keys.
%% Only connections that it accepts itself are given to ssh, so that each is counted.
main([Host, Port, Folder]) ->
    {ok, _} = application:ensure_all_started(ssh),
    {ok, Address} = inet:parse_address(Host),
    Options = [{ip, Address}, {active, false}, {reuseaddr, true}, {packet, 0}],
    case gen_tcp:listen(list_to_integer(Port), Options) of
        {ok, Listener} ->
            io:format("lab: listening~n"),
            serve(Listener, Folder);
        {error, Reason} ->
            io:format("~p~n", [Reason]),
            halt(1)
    end.

serve(Listener, Folder) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            io:format("lab: connection~n"),
            give(Socket, Folder);
        {error, Reason} ->
            io:format("~p~n", [Reason])
    end,
    serve(Listener, Folder).

%% ssh:daemon returns after the handshake or its failure: each in a process of its own.
give(Socket, Folder) ->
    Options = [{system_dir, Folder}, {user_dir, Folder}, {pwdfun, fun(_, _, _, _) -> false end}],
    Server = spawn(fun() ->
        receive
            go -> ssh:daemon(Socket, Options)
        end
    end),
    gen_tcp:controlling_process(Socket, Server),
    Server ! go.
