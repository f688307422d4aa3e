// An HTTP request that a deadline cuts, and the server sees the connection close.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(resp.Status)
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	closed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/fast", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // The client has gone.
		close(closed)
	})
	server := &http.Server{Handler: mux}
	go server.Serve(listener)
	defer server.Close()
	url := "http://" + listener.Addr().String()

	body, err := fetch(context.Background(), url+"/fast")
	if err != nil {
		panic(err)
	}
	fmt.Println("fast:", body)

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if body, err = fetch(ctx, url+"/slow"); err == nil {
		fmt.Println("slow:", body)
	} else if errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("slow:", context.DeadlineExceeded)
	}
	<-closed
	fmt.Println("server: the connection was closed")
}
