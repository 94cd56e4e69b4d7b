import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.Pipe;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Hold DIRECTORY: waits for a line, allocates, opens and gives back things of every kind, says "ready" and holds still
 * until its input ends.
 */
public final class Hold {
    private static final List<Object> KEPT = new ArrayList<>();
    private static final InetSocketAddress ANYWHERE = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);

    private static <T> T keep(T thing) {
        KEPT.add(thing);
        return thing;
    }

    private static void channels(Path directory) throws IOException {
        Selector selector = keep(Selector.open());
        UnixDomainSocketAddress path = UnixDomainSocketAddress.of(directory.resolve("java"));
        ServerSocketChannel tcp = keep(ServerSocketChannel.open().bind(ANYWHERE));
        ServerSocketChannel unix = keep(ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(path));
        for (ServerSocketChannel listener : List.of(tcp, unix)) {
            for (int number = 0; number < 40; number++) {
                SocketChannel client = SocketChannel.open(listener.getLocalAddress());
                SocketChannel server = listener.accept();
                server.configureBlocking(false);
                server.register(selector, SelectionKey.OP_READ);
                if (number % 4 == 0) {
                    client.close();
                    server.close();
                } else if (number % 4 == 1) {
                    client.close();
                    keep(server);
                } else {
                    keep(client);
                    keep(server);
                }
            }
            listener.configureBlocking(false);
            listener.register(selector, SelectionKey.OP_ACCEPT);
        }
        // What was closed while it was registered is given back now.
        selector.selectNow();
        Selector.open().close();
        keep(DatagramChannel.open().bind(ANYWHERE));
        DatagramChannel.open().close();
        keep(Pipe.open());
        Pipe gone = Pipe.open();
        gone.source().close();
        gone.sink().close();
    }

    private static void blocking() throws Exception {
        try (ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            for (int number = 0; number < 20; number++) {
                Socket client = new Socket(listener.getInetAddress(), listener.getLocalPort());
                Socket server = listener.accept();
                if (number % 2 == 0) {
                    client.close();
                    server.close();
                } else {
                    keep(client);
                    keep(server);
                }
            }
        }
    }

    private static void requests() throws Exception {
        HttpServer server = keep(HttpServer.create(ANYWHERE, 0));
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, 6);
            exchange.getResponseBody().write("answer".getBytes());
            exchange.close();
        });
        server.setExecutor(keep(Executors.newFixedThreadPool(3)));
        server.start();
        HttpClient client = keep(HttpClient.newHttpClient());
        URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/");
        for (int number = 0; number < 50; number++) {
            HttpRequest request = HttpRequest.newBuilder(uri).build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            if (!answer.body().equals("answer")) throw new IOException(answer.body());
        }
    }

    private static void files(Path directory) throws IOException {
        Path path = directory.resolve("mapped");
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
            keep(file.map(FileChannel.MapMode.READ_WRITE, 0, 4 << 20)).put(5, (byte) 1);
            keep(file.map(FileChannel.MapMode.PRIVATE, 0, 1 << 20)).put(5, (byte) 1);
        }
        keep(FileChannel.open(path));
        WatchService watcher = keep(path.getFileSystem().newWatchService());
        for (int number = 0; number < 6; number++) {
            Path watched = Files.createDirectory(directory.resolve("watched-" + number));
            var key = watched.register(watcher, StandardWatchEventKinds.ENTRY_CREATE);
            // Deleting it would end its watch too, but no event tells of that.
            if (number % 3 == 0) key.cancel();
        }
        path.getFileSystem().newWatchService().close();
    }

    private static void memory() throws Exception {
        ExecutorService pool = keep(Executors.newFixedThreadPool(4));
        List<Future<?>> work = new ArrayList<>();
        for (int task = 0; task < 8; task++) {
            work.add(pool.submit(() -> {
                List<byte[]> some = new ArrayList<>();
                for (int round = 0; round < 2_000; round++) {
                    some.add(new byte[64 << 10]);
                    if (some.size() > 200) some.subList(0, 100).clear();
                }
            }));
        }
        for (Future<?> task : work) task.get();
        for (int number = 0; number < 16; number++) keep(ByteBuffer.allocateDirect(1 << 20));
        for (int number = 0; number < 16; number++) ByteBuffer.allocateDirect(2 << 20);
        System.gc();
    }

    private static void threads() throws InterruptedException {
        CountDownLatch never = new CountDownLatch(1);
        for (int number = 0; number < 30; number++) {
            boolean ends = number % 2 == 0;
            Thread thread = new Thread(() -> {
                try {
                    if (!ends) never.await();
                } catch (InterruptedException gone) {
                    Thread.currentThread().interrupt();
                }
            });
            thread.setDaemon(true);
            thread.start();
            if (ends) thread.join();
        }
    }

    private static void programs() throws Exception {
        for (int number = 0; number < 3; number++) new ProcessBuilder("/bin/true").start().waitFor();
        for (int number = 0; number < 3; number++) {
            Process child = keep(new ProcessBuilder("cat").start());
            child.getOutputStream().write("x\n".getBytes());
            child.getOutputStream().flush();
            if (child.getInputStream().read() != 'x') throw new IOException("no answer");
        }
        Process last = (Process) KEPT.get(KEPT.size() - 1);
        last.destroy();
        last.waitFor();
    }

    /** Runs the whole. */
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        System.out.println("waiting");
        input.readLine();
        Path directory = Path.of(arguments[0]);
        memory();
        channels(directory);
        blocking();
        requests();
        files(directory);
        threads();
        programs();
        memory();
        System.out.println("ready");
        while (input.readLine() != null) { }
        Runtime.getRuntime().halt(0);
    }
}
