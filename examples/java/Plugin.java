import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import io.socket.client.SocketOptionBuilder;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import okhttp3.Cookie;
import okhttp3.CookieJar;
import okhttp3.HttpUrl;
import okhttp3.OkHttpClient;
import org.json.JSONObject;

public class Plugin {
    /** Keeps the load balancer's cookie: polling needs it with several nodes. */
    static class Cookies implements CookieJar {
        private final Map<String, Cookie> kept = new ConcurrentHashMap<>();

        @Override
        public void saveFromResponse(HttpUrl url, List<Cookie> cookies) {
            for (Cookie cookie : cookies) {
                kept.put(cookie.name(), cookie);
            }
        }

        @Override
        public List<Cookie> loadForRequest(HttpUrl url) {
            List<Cookie> cookies = new ArrayList<>(kept.values());
            cookies.removeIf(cookie -> !cookie.matches(url));
            return cookies;
        }
    }

    public static void main(String[] args) {
        String url = System.getenv().getOrDefault("HOLDFAST_URL", "https://drops.example.com");
        String key = System.getenv("PLUGIN_KEY");
        OkHttpClient http = new OkHttpClient.Builder().cookieJar(new Cookies()).build();
        IO.Options options = SocketOptionBuilder.builder()
            .setPath("/websockets")
            .setAuth(Map.of("key", key))
            // Or a header, as client version 1 needs it:
            // .setExtraHeaders(Map.of("Authorization", List.of("ApiKey " + key)))
            .build();
        options.callFactory = http;
        options.webSocketFactory = http;
        Socket socket = IO.socket(URI.create(url + "/dropcodes"), options);

        Set<String> shown = ConcurrentHashMap.newKeySet();
        socket.on("code", arguments -> {
            JSONObject data = (JSONObject) arguments[0];
            String id = ((JSONObject) arguments[1]).optString("id");
            if (shown.add(id)) { // a message may come again: it is shown once
                System.out.println(data.optString("code"));
            }
            Ack ack = (Ack) arguments[arguments.length - 1];
            ack.call(id); // a message that is not acknowledged comes again
        });
        socket.on(Socket.EVENT_CONNECT, none -> System.err.println("connected"));
        socket.on(Socket.EVENT_DISCONNECT, why -> System.err.println("disconnected: " + why[0]));
        // With data.code the refusal is final. Without it the client comes back by itself.
        socket.on(Socket.EVENT_CONNECT_ERROR, why -> System.err.println(why[0]));
        socket.connect();
    }
}
