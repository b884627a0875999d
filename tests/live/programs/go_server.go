// An SSH server of golang.org/x/crypto/ssh that lets nobody in: its address, then the files of its private host keys.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
)

func main() {
	nobody := errors.New("nobody logs in here")
	config := &ssh.ServerConfig{
		PasswordCallback:  func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nobody },
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nobody },
	}
	for _, name := range os.Args[2:] {
		text, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		key, err := ssh.ParsePrivateKey(text)
		if err != nil {
			panic(err)
		}
		config.AddHostKey(key)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("lab: listening")
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		fmt.Println("lab: connection")
		go func() {
			defer connection.Close()
			ssh.NewServerConn(connection, config)
		}()
	}
}
